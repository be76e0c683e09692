use agentops::tool;

#[tool(skip(password))]
pub fn search(query: &str) {}
