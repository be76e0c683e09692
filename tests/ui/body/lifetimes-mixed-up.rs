use agentops::tool;

#[tool]
pub fn search<'a, 'b>(query: &'a str, other: &'b str) -> &'a str {
    if query.is_empty() { other } else { query }
}
