use agentops::tool;

#[tool]
pub const LIMIT: usize = 3;
