#[derive(agentops::Agent)]
pub union Planner {
    pub fast: u8,
    pub thorough: u8,
}
