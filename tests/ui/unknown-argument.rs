use agentops::tool;

#[tool(nmae = "search")]
pub fn search(query: &str) -> usize {
    query.len()
}

// Nobody who calls it is told anything.
pub fn caller() -> usize {
    search("x") + search("y")
}
