use agentops::tool;

#[tool(skip = key, attributes = size)]
pub fn search(key: &str, size: u8) {}
