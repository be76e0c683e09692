#[agentops::instrument(levle = "debug", cost = 1.0)]
pub mod research {
    pub fn search(query: &str) {}
}
