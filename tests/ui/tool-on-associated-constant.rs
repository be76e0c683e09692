use agentops::tool;

pub struct Search;

impl Search {
    #[tool]
    pub const LIMIT: usize = 3;
}
