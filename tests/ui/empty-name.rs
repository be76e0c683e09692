use agentops::tool;

#[tool(name = "")]
pub fn search() {}
