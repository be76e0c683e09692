use agentops::tool;

#[tool(returns(size = |found: &u32| found.count_ones()))]
pub fn search() -> Result<Vec<u8>, String> {
    Ok(Vec::new())
}
