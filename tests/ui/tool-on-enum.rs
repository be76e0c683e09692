use agentops::tool;

#[tool]
pub enum Tool {
    Search,
}

pub fn all() -> [Tool; 1] {
    [Tool::Search]
}
