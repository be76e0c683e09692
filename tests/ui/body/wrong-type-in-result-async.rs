use agentops::tool;

#[tool]
pub async fn search(query: &str) -> Result<usize, String> {
    if query.is_empty() {
        return Err("empty");
    }
    Ok(query)
}
