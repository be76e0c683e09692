use agentops::tool;

#[tool]
pub fn search(query: &str) {
    if query.is_empty() {
        return 1;
    }
}
