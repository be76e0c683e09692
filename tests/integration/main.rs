//! What the whole promises: one module for each promise, each asserting whole traces.

mod attributes;
mod command;
mod docs;
mod errors;
mod exits;
mod foreign;
mod harness;
mod homes;
mod kills;
mod layers;
mod lifecycle;
mod lifecycle_model;
mod logs;
mod model_calls;
mod msrv;
mod pressure;
mod redaction;
mod restarts;
mod sessions;
mod soak;
mod spool;
mod steady_state;
mod testing;
mod threads;
mod traps;
mod wire;
