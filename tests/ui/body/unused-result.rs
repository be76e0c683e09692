use agentops::tool;

fn find() -> Result<(), String> {
    Ok(())
}

#[tool]
pub fn search() {
    find();
}
