use agentops::tool;

#[tool(skip(key), capture(query))]
pub fn search(query: &str, key: &str) {}
