use agentops::tool;

pub struct Request {
    pub key: String,
}

#[tool(skip(request.key))]
pub fn search(request: &Request) {}
