#[agentops::main(skip_all, cost = 1.0, nam = "program", err = false)]
fn main() {}
