use agentops::tool;

const LIMIT: usize = 3;

#[tool(name = LIMIT)]
pub fn search() {}
