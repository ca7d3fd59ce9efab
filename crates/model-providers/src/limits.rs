//! Limits that are kept beforehand: requests and tokens within a minute, and requests at once.
//!
//! A limit that is only noticed when the server says so costs an attempt each time, and of several
//! coders the same one may always be the one that is turned away. Here each takes its place in a
//! queue, first come, first served. A configured limit belongs to a credential; what a server's
//! headers say is learned by model, as vendors count.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use circuit_breaker::Clock as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::Limits;
use crate::classify::Told;
use crate::clock::Clock;

const MINUTE: Duration = Duration::from_mins(1);
/// Requests of one slot are counted together, so that what is kept is bounded.
const SLOT: Duration = Duration::from_millis(100);
/// Models of which something is learned.
const MODELS_KEPT: usize = 1_000;

/// The queues, by what they belong to: a credential or a model.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    by_key: Mutex<BTreeMap<String, Arc<Gate>>>,
}

impl Gates {
    /// A limit from the settings; of two for one credential the lower one holds.
    pub(crate) fn configure(&self, key: &str, limits: Limits) {
        if limits == Limits::default() {
            return;
        }
        let mut gates = self.lock();
        let known = gates.get(key).map_or(Limits::default(), |gate| gate.limits);
        gates.insert(key.to_owned(), Arc::new(Gate::new(lower(known, limits))));
    }

    /// What the headers of an answer say of the limits of a model.
    pub(crate) fn learn(&self, key: &str, told: &Told, clock: Clock) {
        if *told == Told::default() {
            return;
        }
        let gate = {
            let mut gates = self.lock();
            if gates.len() >= MODELS_KEPT && !gates.contains_key(key) {
                return;
            }
            Arc::clone(gates.entry(key.to_owned()).or_default())
        };
        gate.state().learn(told, clock.now());
    }

    /// Those that stand before a model, the model's own first.
    pub(crate) fn before(&self, model_key: &str, credential_key: &str) -> Vec<Arc<Gate>> {
        let gates = self.lock();
        [model_key, credential_key].iter().filter_map(|key| gates.get(*key).cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Gate>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lower(one: Limits, other: Limits) -> Limits {
    fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
        one.into_iter().chain(other).min()
    }
    Limits {
        requests_per_minute: least(one.requests_per_minute, other.requests_per_minute),
        tokens_per_minute: least(one.tokens_per_minute, other.tokens_per_minute),
        concurrency: least(one.concurrency, other.concurrency),
    }
}

/// One queue with its limits.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    limits: Limits,
    places: Option<Arc<Semaphore>>,
    /// Whoever holds it is the first of the queue.
    front: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was used within the last minute, by the beginning of a slot.
    used: VecDeque<(Duration, Amount)>,
    requests: Option<Learned>,
    tokens: Option<Learned>,
    in_flight: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    requests: u64,
    tokens: u64,
}

#[derive(Clone, Copy, Debug)]
struct Learned {
    left: u64,
    reset_at: Duration,
}

impl Gate {
    fn new(limits: Limits) -> Self {
        let places = limits.concurrency.map(|most| {
            let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(most))
        });
        Self { limits, places, ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until a request of so many tokens may be made, as far as that is known.
    pub(crate) fn ready_in(&self, tokens: u64, clock: Clock) -> Duration {
        self.state().ready_in(self.limits, tokens, clock.now())
    }

    /// Whether one more request may be under way.
    pub(crate) fn has_place(&self) -> bool {
        self.places.as_ref().is_none_or(|places| places.available_permits() > 0)
    }

    /// Waits for a place among those at once, without an end: the caller sets it.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed, so there is no other reason for none.
        Arc::clone(self.places.as_ref()?).acquire_owned().await.ok()
    }

    /// Takes a request's amount when its turn has come; nothing if that takes longer than `most`.
    async fn take(&self, tokens: u64, most: Duration, clock: Clock) -> Option<Duration> {
        let end = clock.now().saturating_add(most);
        let _front = self.front.lock().await;
        loop {
            let now = clock.now();
            let wait = {
                let mut state = self.state();
                let wait = state.ready_in(self.limits, tokens, now);
                if wait.is_zero() {
                    return Some(state.book(tokens, now));
                }
                wait
            };
            if now.saturating_add(wait) > end {
                return None;
            }
            sleep(wait).await;
        }
    }
}

impl State {
    fn ready_in(&mut self, limits: Limits, tokens: u64, now: Duration) -> Duration {
        while self.used.front().is_some_and(|(at, _)| at.saturating_add(MINUTE + SLOT) <= now) {
            self.used.pop_front();
        }
        let requests = limits.requests_per_minute.map(u64::from);
        let mine = Amount { requests: 1, tokens };
        let by_window = [
            requests.map(|most| self.fits_in(most, now, mine, |amount| amount.requests)),
            limits
                .tokens_per_minute
                .map(|most| self.fits_in(most, now, mine, |amount| amount.tokens)),
        ];
        let by_server = [
            self.requests.map(|learned| learned.ready_in(now)),
            self.tokens.map(|learned| learned.ready_in(now)),
        ];
        by_window.into_iter().chain(by_server).flatten().max().unwrap_or_default()
    }

    /// How long until enough of what was used is a minute old. What is more than the whole limit
    /// goes when nothing else does.
    fn fits_in(&self, most: u64, now: Duration, mine: Amount, of: fn(Amount) -> u64) -> Duration {
        let wanted = of(mine).min(most);
        let mut used: u64 = self.used.iter().map(|(_, amount)| of(*amount)).sum();
        let mut wait = Duration::ZERO;
        for (at, amount) in &self.used {
            if used.saturating_add(wanted) <= most {
                break;
            }
            used = used.saturating_sub(of(*amount));
            wait = at.saturating_add(MINUTE + SLOT).saturating_sub(now);
        }
        wait
    }

    fn book(&mut self, tokens: u64, now: Duration) -> Duration {
        self.in_flight = self.in_flight.saturating_add(1);
        for (learned, amount) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            if let Some(learned) = learned {
                learned.left = learned.left.saturating_sub(amount);
            }
        }
        match self.used.back_mut() {
            Some((at, used)) if at.saturating_add(SLOT) > now => {
                used.requests = used.requests.saturating_add(1);
                used.tokens = used.tokens.saturating_add(tokens);
                *at
            }
            _ => {
                self.used.push_back((now, Amount { requests: 1, tokens }));
                now
            }
        }
    }

    /// What was really used, in place of what was expected.
    fn correct(&mut self, at: Duration, expected: u64, used: u64, was_made: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some((_, amount)) = self.used.iter_mut().find(|(slot, _)| *slot == at) {
            amount.tokens = amount.tokens.saturating_sub(expected).saturating_add(used);
            amount.requests = amount.requests.saturating_sub(u64::from(!was_made));
        }
    }

    fn learn(&mut self, told: &Told, now: Duration) {
        // The server has not seen what is still on its way.
        let unseen = self.in_flight.saturating_sub(1);
        let learned = |left: crate::classify::Left, unseen| Learned {
            left: left.amount.saturating_sub(unseen),
            reset_at: now.saturating_add(left.reset_in.min(crate::rests::LONGEST)),
        };
        self.requests = told.requests.map(|left| learned(left, unseen)).or(self.requests);
        self.tokens = told.tokens.map(|left| learned(left, 0)).or(self.tokens);
    }
}

impl Learned {
    /// After the reset nothing is known. A request that is larger than what is left is not held
    /// back for that: the count is the server's, and ours is an estimate.
    fn ready_in(self, now: Duration) -> Duration {
        if self.left > 0 { Duration::ZERO } else { self.reset_at.saturating_sub(now) }
    }
}

/// A place in every queue before a model. Dropped before [`Place::begin`] it counts for nothing.
#[derive(Debug)]
pub(crate) struct Place {
    gates: Vec<Arc<Gate>>,
    taken: Vec<(Arc<Gate>, Duration)>,
    tokens: u64,
    begun: bool,
    _at_once: Vec<OwnedSemaphorePermit>,
}

impl Place {
    /// Waits for a place: at most `at_once` for one among those at the same time, and at most
    /// `rates` for the limits of a minute.
    pub(crate) async fn wait(
        gates: Vec<Arc<Gate>>,
        tokens: u64,
        at_once: Duration,
        rates: Duration,
        clock: Clock,
    ) -> Option<Self> {
        let mut place =
            Self { gates, taken: Vec::new(), tokens, begun: false, _at_once: Vec::new() };
        for gate in &place.gates {
            // First the place, then the front: who has a place never waits behind one who has none.
            place._at_once.extend(timeout(at_once, gate.place()).await.ok()?);
        }
        place.take(tokens, rates, clock).await.then_some(place)
    }

    /// The amount of one more request from the same place.
    pub(crate) async fn again(&mut self, tokens: u64, most: Duration, clock: Clock) -> bool {
        self.take(tokens, most, clock).await
    }

    async fn take(&mut self, tokens: u64, most: Duration, clock: Clock) -> bool {
        self.tokens = tokens;
        for gate in self.gates.clone() {
            let taken = timeout(most, gate.take(tokens, most, clock)).await;
            match taken.ok().flatten() {
                Some(at) => self.taken.push((gate, at)),
                None => return false,
            }
        }
        true
    }

    /// The request is made now: if it is given up, it counts in full.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
    }

    /// The request took so many tokens.
    pub(crate) fn used(&mut self, tokens: u64) {
        self.begun = false;
        for (gate, at) in self.taken.drain(..) {
            gate.state().correct(at, self.tokens, tokens, true);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let used = if self.begun { self.tokens } else { 0 };
        for (gate, at) in self.taken.drain(..) {
            gate.state().correct(at, self.tokens, used, self.begun);
        }
    }
}

#[cfg(test)]
mod tests;
