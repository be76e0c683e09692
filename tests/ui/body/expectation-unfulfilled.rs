use agentops::tool;

#[tool]
#[expect(unused_variables)]
pub fn search(query: &str) -> usize {
    query.len()
}
