//! The runtime under the `agentops` crate: records, processes and exports agent sessions.
//!
//! Programs add [`agentops`](https://docs.rs/agentops); this crate is where its types live.
//! Data flows one way, `record` → `process` → `export`, and all three speak the vocabulary of [`model`], which is
//! also all that the server knows of this crate.

pub mod model;
