use agentops::tool;

#[tool]
pub fn search(mut query: String) -> usize {
    let mut found = query.len();
    found
}
