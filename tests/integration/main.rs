//! What the whole promises: one module for each promise, each asserting whole traces.

mod attributes;
mod errors;
mod exits;
mod harness;
mod model_calls;
mod sessions;
mod steady_state;
mod threads;
mod wire;
