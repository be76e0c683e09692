use agentops::tool;

#[tool]
pub async fn search(number: &str) -> u8 {
    number.parse::<u8>()?
}
