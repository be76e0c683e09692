use agentops::tool;

#[tool]
pub unsafe extern "C" fn print(format: *const u8, ...) {}
