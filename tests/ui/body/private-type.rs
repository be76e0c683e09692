use agentops::tool;

struct Found;

#[tool]
pub fn search() -> Found {
    Found
}
