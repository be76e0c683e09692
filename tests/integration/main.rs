//! What the whole promises: one module for each promise, each asserting whole traces.

mod attributes;
mod docs;
mod errors;
mod exits;
mod harness;
mod layers;
mod logs;
mod model_calls;
mod msrv;
mod sessions;
mod spool;
mod steady_state;
mod testing;
mod threads;
mod wire;
