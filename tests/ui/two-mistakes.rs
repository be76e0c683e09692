use agentops::tool;

#[tool(nmae = "search", skip(querry), cost = "free")]
pub const fn search(query: &str) -> usize {
    query.len()
}
