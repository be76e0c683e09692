#[agentops::instrument(skip(kye))]
pub mod research {
    pub fn search(query: &str, key: &str) {}
}
