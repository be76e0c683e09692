use agentops::session;

#[session]
fn main() {}
