use agentops::tool;

#[tool]
pub use std::mem::take;
