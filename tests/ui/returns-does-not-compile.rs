use agentops::tool;

#[tool(returns(size = |found| found.size()))]
pub fn search() -> Vec<u8> {
    Vec::new()
}
