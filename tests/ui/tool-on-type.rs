use agentops::tool;

#[tool]
pub type Found = Vec<String>;
