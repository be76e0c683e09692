use agentops::tool;

#[tool]
pub async fn search(query: &str) -> usize {
    return query.len();
    println!("found");
}
