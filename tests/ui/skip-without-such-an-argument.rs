use agentops::tool;

#[tool(skip(b))]
pub fn search(a: &str, count: usize) {}
