use agentops::tool;

pub struct Search;

#[tool(name = "search")]
impl Search {
    pub fn search(&self) {}
}
