use agentops::tool;

#[tool(name = "search" cost = 1.0)]
pub fn search() {}
