use agentops::tool;

#[tool]
fn search(query: &str) -> usize {
    query.len()
}
