use agentops::tool;

#[tool(name = 3)]
pub fn search() {}
