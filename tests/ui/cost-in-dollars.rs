use agentops::tool;

#[tool(cost = $0.01)]
pub fn search() {}
