//! Changes of state, queued under the breaker's lock and handed out without it.
//!
//! A listener that is called under the lock and looks at the breaker waits for itself for ever.
//! Here nobody is called: who wants to know drains the queue, in the order things happened.

use std::collections::{BTreeSet, VecDeque};

use crate::sync::{Arc, Mutex, lock};
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
    /// What made it change.
    pub cause: Cause,
    /// How the breaker stood right after the change.
    pub status: Status,
}

/// What made a breaker change. Rules are asked in this order, the first one that holds is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It opened at `failure_threshold` failures within the window.
    FailuresInWindow,
    /// It opened at `consecutive_failures` without a success between them.
    ConsecutiveFailures,
    /// It opened as too great a share of the last calls had failed.
    FailureRate,
    /// A failure was counted, and it stays closed.
    FailureCounted,
    /// Its time was up and somebody asked: the first probe was let through.
    ProbeDue,
    /// A probe failed: it opened again.
    ProbeFailed,
    /// As many probes as it takes have succeeded: it closed.
    ProbeSucceeded,
    /// [`trip_for`](crate::CircuitBreaker::trip_for) opened it.
    Tripped,
    /// [`force_open`](crate::CircuitBreaker::force_open) or
    /// [`force_closed`](crate::CircuitBreaker::force_closed).
    Forced,
    /// [`disable`](crate::CircuitBreaker::disable) switched it off.
    Disabled,
    /// [`reset`](crate::CircuitBreaker::reset) made it as new.
    Reset,
}

/// The queue of a whole registry. It knows breakers by their number, so that a breaker need not
/// know the registry's type of key.
#[derive(Clone, Debug)]
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
    pub(crate) breaker: u64,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) cause: Cause,
    pub(crate) status: Status,
}

/// The end of the queue that one breaker pushes into.
#[derive(Debug)]
pub(crate) struct Line {
    queue: Queue,
    breaker: u64,
}

impl Queue {
    /// Nobody may ever drain it, so it has a bound.
    const MOST_WAITING: usize = 4096;

    pub(crate) fn new() -> Self {
        Self { inner: Arc::new(Mutex::new(Inner::default())) }
    }

    pub(crate) fn line(&self, breaker: u64) -> Line {
        Line { queue: self.clone(), breaker }
    }

    pub(crate) fn drain(&self) -> VecDeque<Change> {
        std::mem::take(&mut lock(&self.inner).waiting)
    }

    /// The breakers that waiting events speak of.
    pub(crate) fn named(&self) -> BTreeSet<u64> {
        lock(&self.inner).waiting.iter().map(|change| change.breaker).collect()
    }
}

impl Line {
    /// Called under the breaker's lock, which is what makes the order that of the changes.
    pub(crate) fn push(&self, from: State, to: State, cause: Cause, status: Status) {
        let mut inner = lock(&self.queue.inner);
        inner.last += 1;
        let (sequence, breaker) = (inner.last, self.breaker);
        if inner.waiting.len() >= Queue::MOST_WAITING {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(Change { sequence, breaker, from, to, cause, status });
    }
}
