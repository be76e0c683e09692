use agentops::{agent, tool};

#[agent(nmae = "planner")]
#[tool(skip(querry))]
pub fn search(query: &str) -> usize {
    query.len()
}
