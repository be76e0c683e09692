use agentops::tool;

/// Finds.
#[tool]
pub trait Search {
    fn search(&self);
}
