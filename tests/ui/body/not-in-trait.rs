use agentops::tool;

pub trait Search {
    fn search(&self);
}

pub struct Client;

impl Search for Client {
    #[tool]
    fn search(&self) {}

    #[tool]
    fn find(&self) {}
}
