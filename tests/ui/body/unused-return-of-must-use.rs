use agentops::tool;

#[tool]
#[must_use]
pub fn search() -> u8 {
    1
}

#[tool]
pub fn find() -> Result<u8, String> {
    Ok(search())
}

pub fn caller() {
    search();
    find();
}
