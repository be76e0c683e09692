//! How data comes in: from spool files now, from the network later.
//!
//! Each source becomes events of the model, which `Traces` puts together. Validates, never trusts, and never changes
//! what it reads.

pub(crate) mod spool;
