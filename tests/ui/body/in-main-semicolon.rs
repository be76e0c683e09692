#[agentops::main]
fn main() -> Result<(), String> {
    Ok(());
}
