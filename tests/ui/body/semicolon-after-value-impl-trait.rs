use agentops::tool;

#[tool]
pub fn search() -> impl Iterator<Item = u8> {
    vec![1].into_iter();
}
