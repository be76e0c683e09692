use agentops::tool;

#[tool]
pub fn search(query: , limit: usize) -> usize {
    limit
}

pub fn other() {}
