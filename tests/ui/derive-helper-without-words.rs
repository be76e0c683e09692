#[derive(agentops::Capture)]
pub struct Request {
    #[agentops]
    pub key: String,
    #[agentops = "skip"]
    pub token: String,
}
