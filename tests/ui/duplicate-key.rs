use agentops::tool;

#[tool(attributes(size = 1, "size" = 2))]
pub fn search() {}
