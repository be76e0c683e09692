use agentops::tool;

pub fn search(query: &str) -> usize {
    #[tool]
    {
        query.len()
    }
}
