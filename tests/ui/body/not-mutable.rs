use agentops::tool;

#[tool]
pub fn search(count: usize) -> usize {
    count += 1;
    count
}
