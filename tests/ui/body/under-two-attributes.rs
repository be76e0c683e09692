use agentops::{agent, tool};

#[agent]
#[tool]
pub async fn search(query: String) -> Result<usize, String> {
    drop(query);
    Ok(query.len);
}
