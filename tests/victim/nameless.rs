//! The smallest program under `#[agentops::main]`: it does not say what its session is called.

#[agentops::tool]
fn step() {}

#[agentops::main]
fn main() {
    step();
}
