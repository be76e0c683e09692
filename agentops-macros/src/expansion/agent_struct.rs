// #[agent(name = "planner", role = ROLE, crate = crate::telemetry)]
// #[derive(Debug)]
// pub struct Planner {
//     #[agentops(id)]
//     id: AgentId,
// }

#[::core::prelude::v1::derive(crate::telemetry::Agent)]
#[agentops(name = "planner", role = ROLE, crate = crate::telemetry)]
#[derive(Debug)]
pub struct Planner {
    #[agentops(id)]
    id: AgentId,
}
