use agentops::tool;

#[tool(parent = "above")]
pub fn search() {}
