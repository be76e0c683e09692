//! The same work, recorded by several libraries, and what a receiver gets of it.
//!
//! [`libraries`] do the work of [`work`] each in its own words, [`receiver`] takes the bytes that their exporters
//! encode, and [`measure`] asks one library, in a process that belongs to it. Knows nothing of tables: those are
//! made by the program `peers`, which starts these processes in turns.

pub mod libraries;
pub mod machine;
pub mod measure;
pub mod receiver;
pub mod work;
