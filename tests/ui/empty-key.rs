use agentops::tool;

#[tool(attributes("" = 1))]
pub fn search() {}
