#[derive(agentops::Agent)]
#[agentops(name = 3, role = "", model)]
pub struct Planner;
