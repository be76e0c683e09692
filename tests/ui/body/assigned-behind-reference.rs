use agentops::tool;

pub struct Client {
    count: usize,
}

impl Client {
    #[tool]
    pub fn search(&self) {
        self.count += 1;
    }
}
