use agentops::{Level, tool};

#[tool(level = Level::Info)]
pub fn search() {}
