//! AgentOps.
pub use agentops_core as core;
