use agentops::tool;

#[tool(level = "loud")]
pub fn search() {}
