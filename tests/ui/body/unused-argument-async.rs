use agentops::tool;

#[tool]
pub async fn search(query: &str, owned: String) -> usize {
    1
}
