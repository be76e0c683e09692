use agentops::tool;

#[tool]
unsafe extern "C" {
    pub fn getpid() -> i32;
}
