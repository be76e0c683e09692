use agentops::tool;

#[tool]
pub async fn search(query: &str) -> usize {
    quary.len()
}
