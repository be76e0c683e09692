use agentops::tool;

#[tool(returns(size = |found| *found))]
#[track_caller]
pub fn search() -> u8 {
    1
}
