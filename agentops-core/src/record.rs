//! The caller's thread: what an annotated function does while it runs.
//!
//! A call reads its context, writes a START and an END into its thread's ring, and goes on: in the steady state it
//! allocates nothing, takes no lock, formats nothing and does no I/O. Knows the ring, not who reads it; nothing in
//! here makes JSON, decodes, or names an exporter.

pub(crate) mod agent;
mod bounded;
pub(crate) mod callsite;
pub(crate) mod capture;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod fields;
pub(crate) mod future;
pub(crate) mod kept;
pub(crate) mod local;
pub(crate) mod lost;
pub(crate) mod manual;
pub(crate) mod note;
pub(crate) mod observe;
pub(crate) mod outcome;
pub(crate) mod returned;
pub(crate) mod ring;
pub(crate) mod said;
pub(crate) mod scope;
pub(crate) mod session;
pub(crate) mod span;
pub(crate) mod trace_api;
pub(crate) mod value;
pub(crate) mod word;
