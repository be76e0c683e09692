#[agentops::instrument(name = "research")]
pub mod research {
    pub fn search() {}
}
