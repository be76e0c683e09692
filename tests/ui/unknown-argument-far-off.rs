use agentops::agent;

#[agent(colour = "red")]
pub fn plan() {}
