use agentops::tool;

#[tool]
pub fn search(query: &str) -> usize {
    query.len()
}

#[tool]
pub fn caller() -> usize {
    search(1)
}
