use agentops::tool;

#[tool(capture(query, query))]
pub fn search(query: &str, key: &str) {}
