use agentops::tool;

#[tool]
pub async fn search(query: &str) {
    std::thread::spawn(move || query.len());
}
