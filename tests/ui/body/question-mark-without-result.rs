use agentops::tool;

#[tool]
pub fn search(number: &str) -> u8 {
    number.parse::<u8>()?
}
