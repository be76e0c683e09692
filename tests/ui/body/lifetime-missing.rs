use agentops::tool;

#[tool]
pub fn search(query: &str, other: &str) -> &str {
    query
}
