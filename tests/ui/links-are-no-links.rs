use agentops::tool;

#[tool(links = 3)]
pub fn search() {}
