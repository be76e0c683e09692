use agentops::tool;

#[tool]
pub fn search() -> usize {
    self.count
}
