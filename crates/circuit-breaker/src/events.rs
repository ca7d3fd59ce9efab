//! Changes of state, queued under the breaker's lock and handed out without it.
//!
//! A listener that is called under the lock and looks at the breaker waits for itself for ever.
//! Here nobody is called: who wants to know drains the queue, in the order things happened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{State, Status};

/// One change of one breaker of a registry: of its state, or of the failures that a closed one
/// counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<K> {
    /// Grows by one over all breakers of a registry, from 1. A gap means that the queue was full
    /// and its oldest events were dropped.
    pub sequence: u64,
    /// Whose breaker it is.
    pub key: K,
    /// The state before.
    pub from: State,
    /// The state after; the same as `from` only where a failure was counted and nothing tripped.
    pub to: State,
    /// How the breaker stood right after the change.
    pub status: Status,
}

/// The queue of a whole registry. It knows breakers by their number, so that a breaker need not
/// know the registry's type of key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    waiting: VecDeque<Change>,
}

#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) sequence: u64,
    pub(crate) breaker: usize,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) status: Status,
}

/// The end of the queue that one breaker pushes into.
#[derive(Debug)]
pub(crate) struct Line {
    queue: Queue,
    breaker: usize,
}

impl Queue {
    /// Nobody may ever drain it, so it has a bound.
    const MOST_WAITING: usize = 4096;

    pub(crate) fn line(&self, breaker: usize) -> Line {
        Line { queue: self.clone(), breaker }
    }

    pub(crate) fn drain(&self) -> VecDeque<Change> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Called under the breaker's lock, which is what makes the order that of the changes.
    pub(crate) fn push(&self, from: State, to: State, status: Status) {
        let mut inner = self.queue.lock();
        inner.last += 1;
        let change = Change { sequence: inner.last, breaker: self.breaker, from, to, status };
        if inner.waiting.len() >= Queue::MOST_WAITING {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(change);
    }
}
