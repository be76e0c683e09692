use agentops::tool;

#[tool]
pub fn search() -> usize {
    panic!("no");
    1
}
