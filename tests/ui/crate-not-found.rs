use agentops::tool;

#[tool(crate = observed)]
pub fn search(query: &str) -> usize {
    query.len()
}
