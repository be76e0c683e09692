use agentops::tool;

#[tool(name = query)]
pub fn search(query: &'static str) {}
