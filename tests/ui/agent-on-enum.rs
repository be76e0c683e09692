use agentops::agent;

#[agent]
pub enum Planner {
    Fast,
}
