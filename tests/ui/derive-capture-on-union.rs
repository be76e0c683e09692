#[derive(agentops::Capture)]
pub union Bits {
    pub float: f32,
    pub int: u32,
}
