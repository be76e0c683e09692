use agentops::tool;

#[tool]
pub async fn search(number: &str) {
    number.parse::<u8>()?;
}
