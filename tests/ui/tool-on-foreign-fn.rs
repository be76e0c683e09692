use agentops::tool;

unsafe extern "C" {
    #[tool]
    pub fn getpid() -> i32;
}
