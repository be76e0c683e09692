use agentops::tool;

#[tool]
pub async fn search(query: &str) -> usize {
    if query.is_empty() {
        return "none";
    }
    query.len()
}
