use agentops::tool;

#[tool = "search"]
pub fn search() {}
