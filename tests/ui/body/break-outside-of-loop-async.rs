use agentops::tool;

#[tool]
pub async fn search() {
    break;
}
