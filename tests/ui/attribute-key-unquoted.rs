use agentops::tool;

#[tool(attributes(search.size = size))]
pub fn search(size: usize) {}
