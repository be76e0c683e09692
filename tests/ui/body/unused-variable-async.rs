use agentops::tool;

#[tool]
pub async fn search(query: &str) -> usize {
    let found = query.len();
    1
}
