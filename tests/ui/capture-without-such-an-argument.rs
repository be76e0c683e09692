use agentops::tool;

#[tool(capture(querry))]
pub fn search(query: &str, key: &str) {}
