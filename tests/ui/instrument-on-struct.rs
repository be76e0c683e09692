#[agentops::instrument]
pub struct Search;
