//! A team of agents that answers a question about a source tree, and proves every line it quotes.
//!
//! `agents` says who works and in which order, `tools` is what they can do to the tree, `citations` is the guardrail
//! over their answer, `model` is the way to a chat model, and `standin` is what listens there when no key is set.
//! Read `agents` first; `main.rs` only reads the command line and prints.

pub mod agents;
pub mod citations;
pub mod model;
pub mod standin;
pub mod tools;
