use agentops::tool;

#[tool]
pub async fn search(mut count: usize) -> usize {
    count = 2;
    let mut found = 1;
    found = 2;
    found
}
