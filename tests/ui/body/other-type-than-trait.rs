use agentops::tool;

pub trait Search {
    fn search(&self, query: &str) -> usize;
}

pub struct Client;

impl Search for Client {
    #[tool]
    fn search(&self, query: String) -> usize {
        query.len()
    }
}
