use agentops::tool;

#[tool]
pub fn search() -> usize {
    1;
}
