use agentops::tool;

#[tool(returns(size = 3))]
pub fn search() -> Vec<u8> {
    Vec::new()
}
