#[agentops::tool]
pub mod research {
    #[agentops::tool]
    pub fn search(query: &str) {}
}
