//! Atomics and locks through one door, so that a model checker can stand behind it.
//!
//! Under `--cfg agentops_loom` these are loom's, which tries the orders in which threads may run; `.ci/loom` runs the
//! models. What no model looks at, and what has to be a plain static, comes from [`fixed`].
//! A poisoned lock is taken over: what it guards here is valid between any two statements, and recording never panics
//! because a program did.

#[cfg(agentops_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
#[cfg(agentops_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(agentops_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
#[cfg(not(agentops_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

pub(crate) use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Locks, whatever happened to the last holder.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The standard library's own, whoever is looking.
pub(crate) mod fixed {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
    pub(crate) use std::sync::{Mutex, MutexGuard};

    /// As [`lock`](super::lock).
    pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Statics that models look at: each execution of a model has its own.
#[cfg(not(agentops_loom))]
macro_rules! statics {
    ($($(#[$attribute:meta])* $(pub($where:tt))? static $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$attribute])* $(pub($where))? static $name: $type = $value;)*
    };
}
#[cfg(agentops_loom)]
macro_rules! statics {
    ($($(#[$attribute:meta])* $(pub($where:tt))? static $name:ident: $type:ty = $value:expr;)*) => {
        loom::lazy_static! { $($(#[$attribute])* $(pub($where))? static ref $name: $type = $value;)* }
    };
}
pub(crate) use statics;

/// Has cache lines of its own: what is written often must not share one with what is read often.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
