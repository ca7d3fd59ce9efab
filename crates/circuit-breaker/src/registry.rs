//! One breaker for each key, made when first asked for, with their events in one order.
//!
//! Breakers that are kept by hand beside each other end up with different settings, or with two
//! for the same key of which one never opens.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::SystemClock;
use crate::breaker::seed_from;
use crate::events::Queue;
use crate::jitter::Jitter;
use crate::{CircuitBreaker, Clock, Event, RegistrySnapshot, Settings, Snapshot, Status};

/// Breakers by key, all with the same settings; clones are handles to the same registry.
pub struct Registry<K, C: Clock = SystemClock> {
    shared: Arc<Shared<K, C>>,
}

struct Shared<K, C: Clock> {
    settings: Settings,
    clock: C,
    queue: Queue,
    entries: Mutex<Entries<K, C>>,
}

struct Entries<K, C: Clock> {
    by_key: BTreeMap<K, CircuitBreaker<C>>,
    /// By the number that the breaker has in the queue.
    keys: Vec<K>,
    seeds: Jitter,
}

impl<K: Clone + Eq + Hash + Ord, C: Clock> Registry<K, C> {
    /// A registry without breakers. Each breaker's jitter is seeded differently, starting from
    /// the clock's wall time.
    #[must_use]
    pub fn new(settings: Settings, clock: C) -> Self {
        let seeds = Jitter::new(seed_from(clock.wall()));
        Self {
            shared: Arc::new(Shared {
                settings,
                clock,
                queue: Queue::default(),
                entries: Mutex::new(Entries { by_key: BTreeMap::new(), keys: Vec::new(), seeds }),
            }),
        }
    }

    /// The breaker of `key`, the same one each time.
    #[must_use]
    pub fn breaker(&self, key: &K) -> CircuitBreaker<C> {
        let mut entries = self.lock();
        if let Some(breaker) = entries.by_key.get(key) {
            return breaker.clone();
        }
        let line = self.shared.queue.line(entries.keys.len());
        let seed = entries.seeds.next();
        let (settings, clock) = (self.shared.settings.clone(), self.shared.clock.clone());
        let breaker = CircuitBreaker::build(settings, clock, seed, Some(line));
        entries.keys.push(key.clone());
        entries.by_key.insert(key.clone(), breaker.clone());
        breaker
    }

    /// Every breaker made so far, ordered by key.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        let breakers = self.breakers().into_iter();
        breakers.map(|(key, one)| (key, one.status())).collect()
    }

    /// The memory of every breaker that has any.
    #[must_use]
    pub fn snapshot(&self) -> RegistrySnapshot<K> {
        let breakers = self.breakers().into_iter();
        RegistrySnapshot {
            breakers: breakers
                .map(|(key, one)| (key, one.snapshot()))
                .filter(|(_, snapshot)| *snapshot != Snapshot::default())
                .collect(),
        }
    }

    /// Restores each breaker of `snapshot` as [`CircuitBreaker::restore`] does; others stay.
    pub fn restore(&self, snapshot: &RegistrySnapshot<K>) {
        for (key, saved) in &snapshot.breakers {
            self.breaker(key).restore(saved);
        }
    }

    /// Takes the events queued since the last call, in the order in which they happened. At most
    /// 4096 wait; what was dropped before them shows as a gap in `sequence`.
    #[must_use]
    pub fn drain_events(&self) -> Vec<Event<K>> {
        // Drained before the keys are looked up: a breaker is listed before it can change.
        let changes = self.shared.queue.drain();
        let entries = self.lock();
        let named = changes.into_iter().filter_map(|change| {
            Some(Event {
                sequence: change.sequence,
                key: entries.keys.get(change.breaker)?.clone(),
                from: change.from,
                to: change.to,
                status: change.status,
            })
        });
        named.collect()
    }

    /// Resets the breaker of `key` if there is one, or every breaker.
    pub fn reset(&self, key: Option<&K>) {
        for (own, breaker) in self.breakers() {
            if key.is_none_or(|wanted| *wanted == own) {
                breaker.reset();
            }
        }
    }

    /// A copy, so that no breaker's lock is taken under the registry's.
    fn breakers(&self) -> Vec<(K, CircuitBreaker<C>)> {
        let entries = self.lock();
        let pairs = entries.by_key.iter();
        pairs.map(|(key, one)| (key.clone(), one.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, C>> {
        let entries = &self.shared.entries;
        entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, C: Clock> Clone for Registry<K, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K: Clone + Eq + Hash + Ord + fmt::Debug, C: Clock> fmt::Debug for Registry<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.statuses()).finish()
    }
}
