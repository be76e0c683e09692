use agentops::tool;

#[tool(skip(a), skip(b))]
pub fn search(a: u8, b: u8) {}
