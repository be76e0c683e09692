use agentops::{Agent, agent};

#[agent(name = "planner")]
#[derive(Agent)]
pub struct Planner;
