use agentops::agent;

pub struct Planner;

#[agent(attributes(size = 1), returns(size = |x| 1), capture(question), parent = x, links = x)]
impl Planner {
    pub fn plan(&self, question: &str) {}
}
