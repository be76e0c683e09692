use agentops::tool;

pub fn search(#[tool] query: &str) -> usize {
    query.len()
}
