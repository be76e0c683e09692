use agentops::tool;

#[tool]
pub fn search(query: &str) -> usize {
    find(query)
}
