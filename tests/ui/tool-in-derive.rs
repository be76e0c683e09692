#[derive(agentops::tool)]
pub struct Search;
