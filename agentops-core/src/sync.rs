//! Atomics and locks through one door, so that a model checker can stand behind it.
//!
//! A poisoned lock is taken over: what it guards here is valid between any two statements, and recording never panics
//! because a program did.

#[cfg(not(agentops_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
#[cfg(not(agentops_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Locks, whatever happened to the last holder.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Has cache lines of its own: what is written often must not share one with what is read often.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
