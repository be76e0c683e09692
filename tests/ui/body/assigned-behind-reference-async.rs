use agentops::tool;

pub struct Client {
    count: usize,
}

impl Client {
    #[tool]
    pub async fn search(&self) {
        self.count += 1;
    }
}
