use agentops::tool;

#[tool]
pub fn search<'a>(query: String, other: &'a str) -> &'a str {
    &query
}
