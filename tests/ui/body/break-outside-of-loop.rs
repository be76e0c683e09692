use agentops::tool;

#[tool]
pub fn search() {
    break;
}
