use agentops::tool;

#[tool(name("search"), cost(1.0), tags("a"), level(info))]
pub fn search() {}
