//! One breaker for each key, made when first asked for, with their events in one order.
//!
//! Breakers that are kept by hand beside each other end up with different settings, or with two
//! for the same key of which one never opens. And keys often come from outside, so a map that only
//! grows is a leak that a stranger holds the tap of.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;

use crate::SystemClock;
use crate::breaker::seed_from;
use crate::events::Queue;
use crate::jitter::Seeds;
use crate::moment::moment;
use crate::settings::{Rules, SharedRules};
use crate::snapshot::Warning;
use crate::sync::{Arc, Mutex, MutexGuard, lock};
use crate::{CircuitBreaker, Clock, Event, RegistrySnapshot, Settings, Snapshot, Status};

/// Breakers by key, all with the same settings; clones are handles to the same registry.
pub struct Registry<K, C: Clock = SystemClock> {
    shared: Arc<Shared<K, C>>,
}

struct Shared<K, C: Clock> {
    rules: SharedRules,
    clock: C,
    queue: Queue,
    most: usize,
    entries: Mutex<Entries<K, C>>,
}

struct Entries<K, C: Clock> {
    by_key: BTreeMap<K, Entry<C>>,
    /// By the number that the breaker has in the queue; also of breakers that are gone, as long as
    /// events wait that speak of them.
    keys: BTreeMap<u64, K>,
    last_number: u64,
    seeds: Seeds,
    unlisted: u64,
}

struct Entry<C: Clock> {
    number: u64,
    breaker: CircuitBreaker<C>,
}

impl<K: Clone + Eq + Hash + Ord, C: Clock> Registry<K, C> {
    /// As many breakers as [`new`](Self::new) has room for.
    pub const ROOM: usize = 10_000;

    /// A registry without breakers, with [room](Self::ROOM) for many. Each breaker's jitter is
    /// seeded differently, starting from the clock's wall time.
    #[must_use]
    pub fn new(settings: Settings, clock: C) -> Self {
        Self::bounded(settings, clock, Self::ROOM)
    }

    /// The same with room for `most` breakers. When they are that many, those go that nobody holds
    /// and that are closed with nothing counted: one made anew does the same.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "as `new` takes them")]
    pub fn bounded(settings: Settings, clock: C, most: usize) -> Self {
        let entries = Entries {
            by_key: BTreeMap::new(),
            keys: BTreeMap::new(),
            last_number: 0,
            seeds: Seeds::new(seed_from(clock.wall())),
            unlisted: 0,
        };
        Self {
            shared: Arc::new(Shared {
                rules: Rules::shared(&settings),
                clock,
                queue: Queue::new(),
                most,
                entries: Mutex::new(entries),
            }),
        }
    }

    /// The breaker of `key`, the same one each time.
    ///
    /// If there is no room, because every listed breaker is held or has something to remember, it
    /// is one that the registry does not know: it guards whoever holds it, is in no snapshot and
    /// tells no events. [`unlisted`](Self::unlisted) says how often that was.
    #[must_use]
    pub fn breaker(&self, key: &K) -> CircuitBreaker<C> {
        let (breaker, _) = self.find_or_make(key);
        breaker
    }

    /// The breaker, and whether it is listed.
    fn find_or_make(&self, key: &K) -> (CircuitBreaker<C>, bool) {
        let shared = &*self.shared;
        let is_full = |entries: &Entries<K, C>| entries.by_key.len() >= shared.most;
        let mut entries = self.lock();
        if is_full(&entries) && !entries.by_key.contains_key(key) {
            // The clock is the caller's code, and not called under a lock.
            drop(entries);
            let now = moment(shared.clock.now());
            entries = self.lock();
            entries.evict(&shared.queue, now);
        }
        if let Some(entry) = entries.by_key.get(key) {
            return (entry.breaker.clone(), true);
        }
        let seed = entries.seeds.next();
        let make = |line| {
            CircuitBreaker::build(
                SharedRules::clone(&shared.rules),
                shared.clock.clone(),
                seed,
                line,
            )
        };
        if is_full(&entries) {
            entries.unlisted = entries.unlisted.saturating_add(1);
            return (make(None), false);
        }
        entries.last_number += 1;
        let number = entries.last_number;
        let breaker = make(Some(shared.queue.line(number)));
        entries.keys.insert(number, key.clone());
        entries.by_key.insert(key.clone(), Entry { number, breaker: breaker.clone() });
        (breaker, true)
    }

    /// Every breaker listed, ordered by key.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        let breakers = self.breakers().into_iter();
        breakers.map(|(key, one)| (key, one.status())).collect()
    }

    /// How often a breaker was asked for that there was no room for.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.lock().unlisted
    }

    /// The memory of every breaker that has any.
    #[must_use]
    pub fn snapshot(&self) -> RegistrySnapshot<K> {
        let breakers = self.breakers().into_iter();
        RegistrySnapshot {
            breakers: breakers
                .map(|(key, one)| (key, one.snapshot()))
                .filter(|(_, snapshot)| *snapshot != Snapshot::BLANK)
                .collect(),
        }
    }

    /// Restores each breaker of `snapshot` as [`CircuitBreaker::restore`] does; others stay. Says
    /// which could not be, and why.
    #[expect(clippy::must_use_candidate, reason = "a caller that has nobody to warn goes on")]
    pub fn restore(&self, snapshot: &RegistrySnapshot<K>) -> Vec<(K, Warning)> {
        let mut warnings = Vec::new();
        for (key, saved) in &snapshot.breakers {
            let (breaker, listed) = self.find_or_make(key);
            let warning = breaker.restore(saved);
            let warning = if listed { warning } else { Some(Warning::NoRoom) };
            warnings.extend(warning.map(|warning| (key.clone(), warning)));
        }
        warnings
    }

    /// Takes the events queued since the last call, in the order in which they happened. At most
    /// 4096 wait; what was dropped before them shows as a gap in `sequence`.
    #[must_use]
    pub fn drain_events(&self) -> Vec<Event<K>> {
        // Under the lock, so that no key is dropped between the two; a breaker never takes this
        // lock, and it is listed before it can change.
        let entries = self.lock();
        let changes = self.shared.queue.drain().into_iter();
        let named = changes.filter_map(|change| {
            Some(Event {
                sequence: change.sequence,
                key: entries.keys.get(&change.breaker)?.clone(),
                from: change.from,
                to: change.to,
                cause: change.cause,
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

    /// A copy, so that no breaker's clock is read under the registry's lock.
    fn breakers(&self) -> Vec<(K, CircuitBreaker<C>)> {
        let entries = self.lock();
        let pairs = entries.by_key.iter();
        pairs.map(|(key, one)| (key.clone(), one.breaker.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, C>> {
        lock(&self.shared.entries)
    }
}

impl<K: Ord, C: Clock> Entries<K, C> {
    /// All that may go at once, so that a full registry is not searched again for each new key.
    fn evict(&mut self, queue: &Queue, now: u64) {
        self.by_key.retain(|_, entry| !entry.breaker.is_idle_and_blank(now));
        let mut wanted = queue.named();
        wanted.extend(self.by_key.values().map(|entry| entry.number));
        self.keys.retain(|number, _| wanted.contains(number));
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
