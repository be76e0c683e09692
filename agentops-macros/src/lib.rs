//! The attributes of the `agentops` crate.
