use agentops::tool;

#[tool]
pub fn search(query: String) -> usize {
    drop(query);
    query.len()
}
