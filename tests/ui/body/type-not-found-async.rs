use agentops::tool;

#[tool]
pub async fn search(query: Query) -> Result<Found, Failure> {
    query.run().await
}
