use agentops::tool;

#[tool]
pub fn search(query: &str, owned: String) -> usize {
    1
}
