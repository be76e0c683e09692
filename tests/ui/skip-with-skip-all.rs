use agentops::tool;

#[tool(skip(key), skip_all)]
pub fn search(query: &str, key: &str) {}
