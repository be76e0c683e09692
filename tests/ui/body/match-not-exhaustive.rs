use agentops::tool;

#[tool]
pub fn search(query: Option<u8>) -> u8 {
    match query {
        Some(n) => n,
    }
}
