//! The locks and atomics of this crate, so that loom can take their place.
//!
//! A race that shows once in a million runs is found by trying every order of the accesses, and
//! that needs types that can be stopped between them. Built with `--cfg loom`, these are loom's.

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, atomic};

use std::sync::PoisonError;

/// Takes the lock. Nothing under a lock of this crate panics halfway through a change, so what a
/// poisoned one guards is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
