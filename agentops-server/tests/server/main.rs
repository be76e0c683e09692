//! The server's parts end to end, each from outside: what goes in, and what is answered.

mod api;
mod auth;
mod commands;
mod export;
#[cfg(target_os = "linux")]
mod full;
mod fuzz;
mod harness;
mod hostile;
mod insight;
mod kills;
mod limits;
mod otlp;
mod pages;
mod random;
mod runs;
mod seed;
mod site;
mod sse;
mod types;
mod verdict;
