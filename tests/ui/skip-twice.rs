use agentops::tool;

#[tool(skip(key, key))]
pub fn search(query: &str, key: &str) {}
