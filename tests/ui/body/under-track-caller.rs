use agentops::tool;

#[tool]
#[track_caller]
pub fn search(query: &str) -> usize {
    query
}
