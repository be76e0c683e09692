use agentops::tool;

#[tool]
pub async fn search(query: String) -> String {
    query.push('x');
    query
}
