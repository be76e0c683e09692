use agentops::tool;

#[tool(attributes(%size, ?size, kind = %size))]
pub fn search(size: usize) {}
