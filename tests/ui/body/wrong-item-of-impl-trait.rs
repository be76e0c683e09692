use agentops::tool;

#[tool]
pub fn search() -> impl Iterator<Item = String> {
    vec![1_u8].into_iter()
}
