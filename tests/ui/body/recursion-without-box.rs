use agentops::tool;

#[tool]
pub async fn search(depth: u8) -> u8 {
    if depth == 0 { 0 } else { search(depth - 1).await }
}
