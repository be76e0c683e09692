use agentops::tool;

pub struct Search {
    #[tool]
    pub query: String,
}
