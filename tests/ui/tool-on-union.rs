use agentops::tool;

#[tool]
pub union Bits {
    pub float: f32,
    pub int: u32,
}
