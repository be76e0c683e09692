use agentops::tool;

async fn find() -> Result<(), String> {
    Ok(())
}

#[tool]
pub async fn search() {
    find();
    find().await;
}
