#[derive(agentops::Agent)]
#[agentops(rôle = "plans", nmae = "planner")]
pub struct Planner {
    #[agentops(stat)]
    pub notes: Vec<String>,
}
