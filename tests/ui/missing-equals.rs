use agentops::tool;

#[tool(name: "search")]
pub fn search() {}
