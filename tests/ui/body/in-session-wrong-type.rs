use agentops::session;

#[session]
pub async fn run(question: &str) -> Result<usize, String> {
    Ok(question)
}
