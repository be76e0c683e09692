use agentops::{agent, tool};

pub struct Planner;

#[agent(nmae = "planner")]
impl Planner {
    #[tool(cots = 1.0)]
    pub fn search(&self, query: &str) -> usize {
        query.len()
    }

    pub fn plan(&self) -> usize {
        self.search("x")
    }
}
