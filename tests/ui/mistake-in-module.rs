#[agentops::instrument]
pub mod research {
    use agentops::tool;

    #[tool(cots = 1.0)]
    pub fn search(query: &str) -> usize {
        query.len()
    }

    #[tool(skip(kye))]
    pub const fn find(query: &str) -> usize {
        query.len()
    }

    pub fn plan(query: &str) -> usize {
        search(query) + find(query)
    }
}
