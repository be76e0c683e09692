use agentops::tool;

#[tool(skip)]
pub fn search(query: &str, key: &str) {}
