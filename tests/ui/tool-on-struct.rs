use agentops::tool;

#[tool]
pub struct Search;
