use agentops::tool;

#[tool]
pub async fn search(mut query: String) -> usize {
    let mut found = query.len();
    found
}
