use agentops::tool;

#[tool]
pub fn search(query: str) -> [u8] {
    query.as_bytes()
}
