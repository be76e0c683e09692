pub struct Planner;

#[agentops::agent]
#[agentops::agent(name = "planner")]
impl Planner {
    pub fn plan(&self) {}
}
