use agentops::tool;

#[tool]
pub async fn search(query: &str) -> &str {
    let upper = query.to_uppercase();
    &upper
}
