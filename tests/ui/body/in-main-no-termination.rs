#[agentops::main]
fn main() -> usize {
    1
}
