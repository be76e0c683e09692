//! Pages about the attributes, to be read beside their own.
//!
//! Text alone: the module is there in the documentation, and nowhere else. The examples in it are tested with the
//! workspace's other tests, for some need crates that this one does not.

#[doc = include_str!("../docs/attributes.md")]
pub mod attributes {}

#[doc = include_str!("../docs/coming-from-tracing.md")]
pub mod coming_from_tracing {}

#[doc = include_str!("../docs/expansion.md")]
pub mod expansion {}
