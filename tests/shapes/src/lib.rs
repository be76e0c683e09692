//! Every shape of item that attributes must survive: compiled without a warning, run, and looked at in the trace.
//!
//! Two packages share these sources: edition 2024, and edition 2021 with the dependency renamed. A module holds one
//! family of shapes, and each shape a test that asserts what the item still does, and the span that it left.

#![deny(warnings)]

#[cfg(not(feature = "renamed"))]
use agentops as runtime;
#[cfg(feature = "renamed")]
use telemetry as runtime;

#[cfg(test)]
mod async_traits;
#[cfg(test)]
mod blocks;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod receivers;
#[cfg(test)]
mod traits;
