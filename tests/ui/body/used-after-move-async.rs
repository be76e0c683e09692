use agentops::tool;

#[tool]
pub async fn search(query: String) -> usize {
    drop(query);
    query.len()
}
