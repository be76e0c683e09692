use agentops::tool;

#[tool]
pub fn search() -> impl Sized {
    Default::default()
}
