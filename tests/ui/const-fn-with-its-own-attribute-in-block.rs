use agentops::{agent, tool};

pub struct Planner;

#[agent]
impl Planner {
    #[tool]
    pub const fn limit(&self) -> usize {
        3
    }
}
