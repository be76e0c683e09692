//! The vocabulary that both ends share: what a session is, how it travels, how it is shown.
//!
//! Both the program that records and the server that reads use these types and functions, so that none of it is
//! written twice. Nothing in here does I/O, starts a thread, or knows how a span was recorded.

pub mod agent;
pub mod dialect;
pub mod error;
pub mod event;
pub mod frame;
pub mod id;
pub mod json;
pub mod llm;
pub mod options;
#[cfg(feature = "pricing")]
pub mod pricing;
pub mod recognise;
pub mod rollup;
pub mod semconv;
pub mod session;
pub mod span;
pub mod time;
pub mod trace;
pub mod tree;
pub mod wire;
