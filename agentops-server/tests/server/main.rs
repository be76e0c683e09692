//! The server from outside: the real binary over stores of its own, asked through sockets.

mod api;
mod commands;
mod export;
mod seed;
mod site;
mod sse;
