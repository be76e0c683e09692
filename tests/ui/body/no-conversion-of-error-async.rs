use agentops::tool;

pub struct Failure;

#[tool]
pub async fn search(number: &str) -> Result<u8, Failure> {
    let number: u8 = number.parse()?;
    Ok(number)
}
