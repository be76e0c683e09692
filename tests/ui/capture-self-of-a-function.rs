use agentops::tool;

#[tool(capture(self))]
pub fn search(query: &str) {}
