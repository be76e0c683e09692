use agentops::tool;

#[tool]
pub fn search(query: &str) -> usize {
    let found = query.
    let other = 1;
    other
}
