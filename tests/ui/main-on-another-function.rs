#[agentops::main]
pub fn start() {}
