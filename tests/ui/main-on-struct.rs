#[agentops::main]
pub struct Program;
