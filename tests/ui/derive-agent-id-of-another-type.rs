pub struct Id;

#[derive(agentops::Agent)]
pub struct Planner {
    #[agentops(id)]
    pub id: Id,
}
