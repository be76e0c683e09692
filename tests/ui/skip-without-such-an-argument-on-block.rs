use agentops::agent;

pub struct Planner;

#[agent(skip(kye))]
impl Planner {
    pub fn plan(&self, question: &str, key: &str) {}
}
