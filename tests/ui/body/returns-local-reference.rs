use agentops::tool;

#[tool]
pub fn search(query: &str) -> &str {
    let upper = query.to_uppercase();
    &upper
}
