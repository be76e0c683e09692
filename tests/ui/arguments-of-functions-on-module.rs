#[agentops::instrument(attributes(size = 1), capture(query), parent = x)]
pub mod research {
    pub fn search(query: &str) {}
}
