use agentops::tool;

#[tool(boxed)]
pub fn search() {}
