use agentops::tool;

#[tool]
pub static LIMIT: usize = 3;
