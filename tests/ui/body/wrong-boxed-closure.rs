use agentops::tool;

#[tool]
pub fn search() -> Box<dyn Fn(u8) -> u8> {
    Box::new(|n: u16| n)
}
