#[agentops::instrument]
pub mod research {
    pub fn search(query: &str) -> usize {
        query
    }

    pub fn unused(query: &str) -> usize {
        let found = query.len();
        1
    }

    fn never_called() {}
}
