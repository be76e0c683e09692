use agentops::tool;

#[tool]
pub extern crate std as standard;
