use agentops::agent;

pub struct Planner;

#[agent]
impl Planner {
    #[agent(name = "planner")]
    pub fn plan(&self) {}
}
