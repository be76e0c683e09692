use agentops::tool;

#[tool]
pub fn search<T>(query: T) -> String {
    query.to_string()
}
