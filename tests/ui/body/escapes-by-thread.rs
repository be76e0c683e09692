use agentops::tool;

#[tool]
pub fn search(query: &str) {
    std::thread::spawn(move || query.len());
}
