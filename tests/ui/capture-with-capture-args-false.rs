use agentops::tool;

#[tool(capture(query), capture_args = false)]
pub fn search(query: &str, key: &str) {}
