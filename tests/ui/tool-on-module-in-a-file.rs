use agentops::tool;

#[tool]
pub mod search;
