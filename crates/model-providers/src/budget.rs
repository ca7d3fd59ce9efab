//! One purse for all requests of a run: reserved before a call, settled after it.
//!
//! Counting only after the answer lets parallel requests overrun a limit together, an unknown
//! price counted as zero overruns it for ever, and a denial that is retried never ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circuit_breaker::Clock as _;

use crate::clock::Clock;
use crate::spending::{Day, Spending, Unsaved};
use crate::{BudgetLimits, Facts, Spent, Tokens};

/// An answer is taken for this long before it is there, unless the model allows less.
const USUAL_OUTPUT: u64 = 4_096;

/// US dollars for a million tokens, where known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    input: Option<f64>,
    output: Option<f64>,
}

impl Price {
    pub(crate) fn of(facts: &Facts) -> Self {
        Self { input: facts.usd_per_million_input, output: facts.usd_per_million_output }
    }

    pub(crate) fn is_known(self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    fn usd(self, tokens: Tokens) -> Option<f64> {
        let (input, output) = (self.input?, self.output?);
        Some((as_float(tokens.input) * input + as_float(tokens.output) * output) / 1_000_000.0)
    }
}

/// Exact up to 2^53 tokens, which nobody can pay.
#[expect(clippy::cast_precision_loss, reason = "a count of tokens beyond 2^53 is not reached")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// What a call is expected to use, before it is made.
pub(crate) fn expected(input: u64, facts: &Facts) -> Tokens {
    let output = facts.max_output_tokens.unwrap_or(USUAL_OUTPUT);
    Tokens { input, output: output.min(USUAL_OUTPUT) }
}

/// What a call used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// The provider said it, or it was turned away.
    Known(Tokens),
    /// The provider did not say; the prompt was taken in and this many tokens came back.
    Estimated {
        /// Of the answer so far.
        output: u64,
    },
}

/// The purse.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: BudgetLimits,
    /// The dearest known price, for what earlier processes spent at prices nobody knows.
    dearest: Price,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    spent: Tokens,
    usd: f64,
    price_unknown: bool,
    reserved: Tokens,
    reserved_usd: f64,
    /// Set by the first denial: from then on nothing more is spent.
    closed: Option<Closed>,
    today: Day,
}

/// What ended spending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    ForGood,
    /// A new day has its own limit.
    ForTheDay,
}

/// Nothing more may be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) message: String,
    /// Whether nobody was denied before.
    pub(crate) first: bool,
}

impl Budget {
    pub(crate) fn new<'f>(
        limits: BudgetLimits,
        facts: impl Iterator<Item = &'f Facts>,
        clock: Clock,
    ) -> Self {
        let mut dearest = Price { input: None, output: None };
        for known in facts.map(Price::of) {
            dearest.input = greater(dearest.input, known.input);
            dearest.output = greater(dearest.output, known.output);
        }
        let state = State {
            spent: Tokens::default(),
            usd: 0.0,
            price_unknown: false,
            reserved: Tokens::default(),
            reserved_usd: 0.0,
            closed: None,
            today: Day::new(clock.wall()),
        };
        Self { limits, dearest, clock, state: Mutex::new(state) }
    }

    pub(crate) fn limits(&self) -> BudgetLimits {
        self.limits
    }

    /// Sets aside what a call is expected to use.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        expected: Tokens,
        price: Price,
    ) -> Result<Reservation, Denied> {
        let mut state = self.today();
        let usd = price.usd(expected);
        let over = self.over(&state, expected, usd);
        if state.closed.is_some() || over.is_some() {
            let first = state.closed.is_none();
            let (closed, message) =
                over.unwrap_or((Closed::ForTheDay, "the budget is spent".to_owned()));
            state.closed.get_or_insert(closed);
            return Err(Denied { message, first });
        }
        state.reserved += expected;
        state.reserved_usd += usd.unwrap_or(0.0);
        Ok(Reservation { budget: Arc::clone(self), expected, price, open: true })
    }

    /// Whether such a call could be reserved now; asking changes nothing.
    pub(crate) fn allows(&self, expected: Tokens, price: Price) -> bool {
        let state = self.today();
        state.closed.is_none() && self.over(&state, expected, price.usd(expected)).is_none()
    }

    fn over(&self, state: &State, expected: Tokens, usd: Option<f64>) -> Option<(Closed, String)> {
        if let Some(most) = self.limits.max_tokens {
            let used = state.spent.total();
            let wanted = state.reserved.total().saturating_add(expected.total());
            if used.saturating_add(wanted) > most {
                let message = format!(
                    "{used} of {most} tokens are spent and the next call may take {}",
                    expected.total()
                );
                return Some((Closed::ForGood, message));
            }
        }
        let in_dollars = [
            (self.limits.max_usd, state.usd, Closed::ForGood, ""),
            (self.limits.max_usd_per_day, state.today.usd(), Closed::ForTheDay, " today"),
        ];
        for (most, used, closed, when) in in_dollars {
            let Some(most) = most else { continue };
            let Some(usd) = usd else {
                let message = "the price of the next call is not known".to_owned();
                return Some((Closed::ForGood, message));
            };
            if used + state.reserved_usd + usd > most {
                let message = format!(
                    "{used:.4} of {most:.4} US dollars are spent{when} and the next call may take \
                     {usd:.4}"
                );
                return Some((closed, message));
            }
        }
        None
    }

    pub(crate) fn spent(&self) -> Spent {
        let state = self.lock();
        Spent { tokens: state.spent, usd: (!state.price_unknown).then_some(state.usd) }
    }

    /// Adds what was spent elsewhere. Where that had no price, the dearest known one is taken.
    pub(crate) fn book(&self, spent: &Spent) {
        let mut state = self.lock();
        state.spent += spent.tokens;
        let usd = spent.usd.filter(|usd| usd.is_finite() && *usd >= 0.0);
        match usd {
            Some(usd) => state.usd += usd,
            None => {
                state.usd += self.dearest.usd(spent.tokens).unwrap_or(0.0);
                state.price_unknown |= spent.tokens.total() > 0;
            }
        }
    }

    /// What all processes spent today, as far as this one knows, with what stands in the shared
    /// value.
    pub(crate) fn unsaved(&self, stored: Option<&Spending>) -> Unsaved {
        self.today().today.unsaved(stored)
    }

    pub(crate) fn saved(&self, unsaved: &Unsaved) {
        self.today().today.saved(unsaved);
    }

    /// The state, with a new day begun if it is one.
    fn today(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.today.is_new_on(self.clock.wall()) && state.closed == Some(Closed::ForTheDay) {
            state.closed = None;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn greater(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

/// What one call has set aside. Dropped without [`Reservation::settle`], as by a cancelled
/// request, the prompt counts as used.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    expected: Tokens,
    price: Price,
    open: bool,
}

impl Reservation {
    /// Books what was used and gives back the rest. Gives what it cost, if that is known.
    pub(crate) fn settle(mut self, usage: Usage) -> Option<f64> {
        self.open = false;
        self.close(usage)
    }

    fn close(&self, usage: Usage) -> Option<f64> {
        let used = match usage {
            Usage::Known(tokens) => tokens,
            Usage::Estimated { output } => Tokens { input: self.expected.input, output },
        };
        let usd = self.price.usd(used);
        let mut state = self.budget.today();
        state.reserved.input = state.reserved.input.saturating_sub(self.expected.input);
        state.reserved.output = state.reserved.output.saturating_sub(self.expected.output);
        let reserved = self.price.usd(self.expected).unwrap_or(0.0);
        state.reserved_usd = (state.reserved_usd - reserved).max(0.0);
        state.spent += used;
        match usd {
            Some(usd) => {
                state.usd += usd;
                state.today.spend(usd);
            }
            None => state.price_unknown |= used.total() > 0,
        }
        usd
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            self.close(Usage::Estimated { output: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: f64, output: f64) -> Price {
        Price { input: Some(input), output: Some(output) }
    }

    fn budget(max_usd: Option<f64>, max_tokens: Option<u64>) -> Arc<Budget> {
        let limits = BudgetLimits { max_usd, max_tokens, max_usd_per_day: None };
        Arc::new(Budget::new(limits, std::iter::empty(), Clock::new()))
    }

    const FREE: Price = Price { input: None, output: None };

    fn tokens(input: u64, output: u64) -> Tokens {
        Tokens { input, output }
    }

    #[test]
    fn parallel_reservations_do_not_overrun_the_limit_together() {
        let budget = budget(None, Some(100));
        let first = budget.reserve(tokens(30, 30), FREE).unwrap();
        assert!(budget.reserve(tokens(30, 30), FREE).is_err());
        drop(first);
        assert_eq!(budget.spent().tokens, tokens(30, 0));
    }

    /// Trap 22: a denial ends spending and is told once.
    #[test]
    fn after_a_denial_nothing_is_spent_any_more() {
        let budget = budget(None, Some(100));
        let denied = budget.reserve(tokens(200, 0), FREE).unwrap_err();
        assert!(denied.first, "{denied:?}");
        let denied = budget.reserve(tokens(1, 0), FREE).unwrap_err();
        assert!(!denied.first, "{denied:?}");
    }

    #[test]
    fn settling_books_what_was_really_used() {
        let budget = budget(Some(1.0), None);
        let reservation = budget.reserve(tokens(1000, 4096), price(2.0, 8.0)).unwrap();
        let usd = reservation.settle(Usage::Known(tokens(500_000, 0)));
        assert_eq!(usd, Some(1.0));
        assert_eq!(budget.spent().usd, Some(1.0));
        assert!(budget.reserve(tokens(1, 0), price(2.0, 8.0)).is_err());
    }

    /// Trap 22: an unknown price is not zero.
    #[test]
    fn an_unknown_price_makes_the_cost_unknown() {
        let budget = budget(None, None);
        let reservation = budget.reserve(tokens(10, 10), FREE).unwrap();
        assert_eq!(reservation.settle(Usage::Estimated { output: 3 }), None);
        let spent = budget.spent();
        assert_eq!((spent.tokens, spent.usd), (tokens(10, 3), None));
    }

    #[test]
    fn a_call_that_was_turned_away_costs_nothing() {
        let budget = budget(None, None);
        let reservation = budget.reserve(tokens(10, 10), FREE).unwrap();
        reservation.settle(Usage::Known(Tokens::default()));
        assert_eq!(budget.spent(), Spent::default());
    }

    fn of_a_day(max_usd_per_day: f64) -> Arc<Budget> {
        let limits = BudgetLimits { max_usd_per_day: Some(max_usd_per_day), ..Default::default() };
        Arc::new(Budget::new(limits, std::iter::empty(), Clock::new()))
    }

    /// Two processes share the limit of a day through a value that each reads and writes.
    #[test]
    fn the_limit_of_a_day_is_shared_by_processes() {
        let (one, other) = (of_a_day(2.0), of_a_day(2.0));
        let dear = price(1_000_000.0, 1_000_000.0);
        one.reserve(tokens(1, 0), dear).unwrap().settle(Usage::Known(tokens(1, 0)));
        let first = one.unsaved(None);
        one.saved(&first);
        assert_eq!(first.value.usd, 1.0);
        // Saved twice, counted once.
        assert_eq!(one.unsaved(Some(&first.value)).value, first.value);
        other.saved(&other.unsaved(Some(&first.value)));
        other.reserve(tokens(1, 0), dear).unwrap().settle(Usage::Known(tokens(1, 0)));
        let second = other.unsaved(Some(&first.value));
        assert_eq!(second.value.usd, 2.0);
        let denied = other.reserve(tokens(1, 0), dear).unwrap_err();
        assert!(denied.message.contains("spent today"), "{denied:?}");
        one.saved(&one.unsaved(Some(&second.value)));
        assert!(one.reserve(tokens(1, 0), dear).is_err());
    }

    #[test]
    fn what_earlier_processes_spent_counts() {
        let budget = budget(None, Some(100));
        budget.book(&Spent { tokens: tokens(60, 30), usd: Some(0.25) });
        assert_eq!(budget.spent().usd, Some(0.25));
        assert!(budget.reserve(tokens(11, 0), FREE).is_err());
    }

    #[test]
    fn spending_without_a_price_is_booked_at_the_dearest() {
        let facts = Facts {
            usd_per_million_input: Some(10.0),
            usd_per_million_output: Some(10.0),
            ..Facts::default()
        };
        let limits = BudgetLimits { max_usd: Some(1.0), ..BudgetLimits::default() };
        let budget = Arc::new(Budget::new(limits, std::iter::once(&facts), Clock::new()));
        budget.book(&Spent { tokens: tokens(100_000, 0), usd: None });
        assert_eq!(budget.spent().usd, None);
        assert!(budget.reserve(tokens(1, 0), Price::of(&facts)).is_err());
    }
}
