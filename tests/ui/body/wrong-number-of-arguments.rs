use agentops::tool;

fn find(query: &str, limit: usize) -> usize {
    query.len().min(limit)
}

#[tool]
pub fn search(query: &str) -> usize {
    find(query)
}
