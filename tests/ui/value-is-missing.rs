use agentops::tool;

#[tool(name, cost =, tags, version)]
pub fn search() {}
