use agentops::tool;

async fn ask() -> u8 {
    1
}

#[tool]
pub async fn search() -> u8 {
    ask()
}
