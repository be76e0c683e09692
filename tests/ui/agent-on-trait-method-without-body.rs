use agentops::tool;

pub trait Search {
    #[tool]
    fn search(&self, query: &str) -> usize;

    #[tool]
    async fn find(&self, query: &str) -> usize;
}
