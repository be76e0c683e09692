#[derive(agentops::Agent)]
pub enum Planner {
    Fast,
    Thorough,
}
