use agentops::tool;

pub fn search(query: &str) -> usize {
    #[tool]
    let found = query.len();
    found
}
