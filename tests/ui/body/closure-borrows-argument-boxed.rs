use agentops::tool;

#[tool]
pub fn search(query: String) -> Box<dyn Fn() -> usize> {
    Box::new(|| query.len())
}
