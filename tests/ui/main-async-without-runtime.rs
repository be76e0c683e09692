#[agentops::main]
async fn main() {}
