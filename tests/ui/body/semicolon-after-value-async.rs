use agentops::tool;

#[tool]
pub async fn search() -> usize {
    1;
}
