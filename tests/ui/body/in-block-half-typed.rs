use agentops::agent;

pub struct Planner;

#[agent]
impl Planner {
    pub fn plan(&self, question: &str) -> usize {
        question.
    }

    pub fn other(&self) -> usize {
        self.plan("x")
    }
}
