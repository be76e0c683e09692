use agentops::tool;

unsafe fn find() -> u8 {
    1
}

#[tool]
pub fn search() -> u8 {
    find()
}
