use agentops::tool;

#[tool]
pub async fn search(count: usize) -> usize {
    count += 1;
    count
}
