use agentops::tool;

#[tool]
pub fn search(query: &str) -> Result<usize, String> {
    Ok(query)
}
