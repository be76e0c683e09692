use agentops::tool;

pub struct Client {
    key: String,
}

impl Client {
    #[tool]
    pub fn search(&self) -> String {
        self.key
    }
}
