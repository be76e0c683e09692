#[derive(agentops::Capture)]
pub struct Request {
    #[agentops(redcat)]
    pub key: String,
    #[agentops(skip, redact)]
    pub token: String,
}
