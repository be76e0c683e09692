use agentops::tool;

#[tool]
#[tool(name = "search")]
pub fn search() {}
