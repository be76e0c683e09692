use agentops::tool;

#[tool]
pub fn search(query: String) -> impl Fn() -> usize {
    || query.len()
}
