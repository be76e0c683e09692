use agentops::tool;

#[tool]
pub fn Search(Query: &str) -> usize {
    let Found = Query.len();
    Found
}
