pub struct Planner;

#[agentops::agent]
impl Planner {
    #[agentops::skip(x)]
    pub fn plan(&self) {}
}
