use agentops::tool;

#[tool(cost = 0.1, "search", 3)]
pub fn search() {}
