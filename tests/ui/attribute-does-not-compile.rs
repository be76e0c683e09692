use agentops::tool;

#[tool(attributes(size = query.size()))]
pub async fn search(query: &str) {}
