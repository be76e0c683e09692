use agentops::agent;

#[agent(name = "planner", skip_all, attributes(size = 1), err = false)]
pub struct Planner;
