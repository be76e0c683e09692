//! An agent as a span refers to it.

/// The name of the agent that spans without an agent of their own belong to.
pub const DEFAULT_AGENT: &str = "default";

/// Whom a span is attributed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AgentRef {
    /// Stable within the session; any text where it comes from elsewhere.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is there for.
    pub role: Option<String>,
    /// The model that it speaks to by default.
    pub model: Option<String>,
}
