use agentops::agent;

pub struct Planner;

#[agent]
impl Planner {
    pub fn plan(&self, question: &str) -> usize {
        question
    }

    pub async fn ask(&self, question: &str) -> usize {
        question
    }
}
