use agentops::tool;

#[tool]
pub const fn limit() -> usize {
    3
}
