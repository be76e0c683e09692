use agentops::tool;

#[tool(skip_all)]
pub fn search(query: &str, owned: String) -> usize {
    1
}
