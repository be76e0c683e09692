use agentops::tool;

#[tool]
pub fn search(query: &str) -> usize {
    let count = 0;
    query.chars().for_each(|_| count += 1);
    count
}
