use agentops::tool;

pub struct Client {
    key: String,
}

impl Client {
    #[tool]
    pub async fn search(&self) -> String {
        self.key
    }
}
