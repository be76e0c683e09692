use agentops::tool;

#[tool]
pub fn search(all: &[u8]) -> Result<u8, String> {
    let first = all.first()?;
    Ok(*first)
}
