use agentops::tool;

#[tool]
pub async fn stop() -> ! {
    println!("stopped");
}
