use agentops::tool;

pub fn search(query: &str) -> usize {
    let find = |#[tool] query: &str| query.len();
    find(query)
}
