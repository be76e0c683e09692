use agentops::tool;

#[tool]
pub fn search(query: String) -> usize {
    let find = move || query.len();
    find() + query.len()
}
