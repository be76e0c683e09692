use agentops::tool;

#[tool(name = NAME)]
pub fn search() {}
