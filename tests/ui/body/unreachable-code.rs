use agentops::tool;

#[tool]
pub fn search(query: &str) -> usize {
    return query.len();
    println!("found");
}
