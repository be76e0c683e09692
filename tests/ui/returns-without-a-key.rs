use agentops::tool;

#[tool(returns(|found| found.len()))]
pub fn search() -> Vec<u8> {
    Vec::new()
}
