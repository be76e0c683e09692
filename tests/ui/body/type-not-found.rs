use agentops::tool;

#[tool]
pub fn search(query: Query) -> Found {
    query.run()
}
