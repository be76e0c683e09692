use agentops::tool;

pub struct Client {
    count: usize,
}

impl Client {
    #[tool]
    pub fn search(self) -> Client {
        self.count += 1;
        self
    }
}
