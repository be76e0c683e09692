use agentops::tool;

#[tool(capture(query))]
pub fn search() {}
