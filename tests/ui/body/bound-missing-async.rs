use agentops::tool;

#[tool]
pub async fn search<T>(query: T) -> T {
    query.clone()
}
