use agentops::tool;

pub struct Search;

#[tool]
impl Search {
    #[tool]
    pub fn search(&self) {}
}
