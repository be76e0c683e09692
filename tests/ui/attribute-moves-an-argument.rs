use agentops::tool;

#[tool(attributes(query = drop(query)))]
pub fn search(query: String) -> usize {
    query.len()
}
