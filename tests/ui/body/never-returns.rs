use agentops::tool;

#[tool]
pub fn stop() -> ! {
    println!("stopped");
}
