use agentops::tool;

#[tool]
pub fn search(query: String) -> String {
    query.push('x');
    query
}
