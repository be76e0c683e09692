#[agentops::main]
fn main() -> Result<(), String> {
    1
}
