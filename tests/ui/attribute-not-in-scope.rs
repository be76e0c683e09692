use agentops::tool;

#[tool(attributes(size = query.len(), user))]
pub fn search(question: &str) {}
