use agentops::tool;

#[tool(name = "a", cost = 1.0, name = "b")]
pub fn search() {}
