use agentops::tool;

#[tool(returns(size = |found| 1))]
pub fn stop() -> ! {
    std::process::exit(1)
}
