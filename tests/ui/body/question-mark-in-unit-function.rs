use agentops::tool;

#[tool]
pub fn search(number: &str) {
    number.parse::<u8>()?;
}
