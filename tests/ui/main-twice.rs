#[agentops::main]
#[agentops::main]
fn main() {}
