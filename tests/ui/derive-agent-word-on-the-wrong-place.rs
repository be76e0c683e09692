#[derive(agentops::Agent)]
#[agentops(id, state)]
pub struct Planner {
    #[agentops(role = "plans")]
    pub notes: Vec<String>,
}
