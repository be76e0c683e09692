use agentops::tool;

#[tool]
pub async fn search(query: &str) -> Result<usize, String> {
    query.len()
}
