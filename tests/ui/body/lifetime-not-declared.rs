use agentops::tool;

#[tool]
pub fn search(query: &'a str) -> &'a str {
    query
}
