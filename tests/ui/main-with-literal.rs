#[agentops::main("research")]
fn main() {}
