#[derive(agentops::Agent)]
pub struct Planner {
    #[agentops(id)]
    pub id: agentops::AgentId,
    #[agentops(id)]
    pub other: agentops::AgentId,
}
