//! One purse for all requests of a run: reserved before a call, settled after it.
//!
//! Counting only after the answer lets parallel requests overrun a limit together, an unknown
//! price counted as zero overruns it for ever, and a denial that is retried never ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circuit_breaker::Clock as _;

use crate::clock::Clock;
pub(crate) use crate::price::{Price, Usage, expected};
use crate::spending::{Day, Spending, Unsaved};
use crate::{BudgetLimits, Facts, Spent, Tokens};

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
    /// The dearest call of those that told their cost themselves.
    dearest_told: f64,
    /// One told its tokens, and not their cost.
    is_untold: bool,
    reserved: Tokens,
    reserved_usd: f64,
    /// Set by the first denial: from then on nothing more is spent.
    closed: Option<Closed>,
    today: Day,
}

impl State {
    /// What a call may cost in dollars. Where only the model itself can say, and afterwards, it is
    /// as much as the dearest of such calls so far; the first one is begun on trust.
    fn ahead(&self, expected: Tokens, price: Price) -> Option<f64> {
        let told = (price.is_told && !self.is_untold).then_some(self.dearest_told);
        price.usd(expected).or(told)
    }
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
        let mut dearest = Price::of(&Facts::default());
        for known in facts.map(Price::of) {
            dearest.input = greater(dearest.input, known.input);
            dearest.output = greater(dearest.output, known.output);
        }
        let state = State {
            spent: Tokens::default(),
            usd: 0.0,
            price_unknown: false,
            dearest_told: 0.0,
            is_untold: false,
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
        let usd = state.ahead(expected, price);
        let over = self.over(&state, expected, price);
        if state.closed.is_some() || over.is_some() {
            let first = state.closed.is_none();
            let (closed, message) =
                over.unwrap_or((Closed::ForTheDay, "the budget is spent".to_owned()));
            state.closed.get_or_insert(closed);
            return Err(Denied { message, first });
        }
        state.reserved += expected;
        state.reserved_usd += usd.unwrap_or(0.0);
        let usd = usd.unwrap_or(0.0);
        Ok(Reservation { budget: Arc::clone(self), expected, price, usd, open: true })
    }

    /// Whether such a call could be reserved now; asking changes nothing.
    pub(crate) fn allows(&self, expected: Tokens, price: Price) -> bool {
        let state = self.today();
        state.closed.is_none() && self.over(&state, expected, price).is_none()
    }

    fn over(&self, state: &State, expected: Tokens, price: Price) -> Option<(Closed, String)> {
        let usd = state.ahead(expected, price);
        let is_guess = price.usd(expected).is_none();
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
            let all = used + state.reserved_usd + usd;
            // Of a call whose cost is told afterwards nothing may be known yet.
            if all > most || (is_guess && all >= most) {
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
    usd: f64,
    open: bool,
}

impl Reservation {
    /// Books what was used and gives back the rest. Gives what it cost, if that is known.
    pub(crate) fn settle(mut self, usage: Usage) -> Option<f64> {
        self.open = false;
        self.close(usage)
    }

    fn close(&self, usage: Usage) -> Option<f64> {
        let used = usage.tokens(self.expected.input);
        let billed = match usage {
            Usage::Billed { usd, .. } => Some(usd),
            _ => None,
        };
        let usd = billed.or_else(|| self.price.usd(used));
        let mut state = self.budget.today();
        state.reserved.input = state.reserved.input.saturating_sub(self.expected.input);
        state.reserved.output = state.reserved.output.saturating_sub(self.expected.output);
        state.reserved_usd = (state.reserved_usd - self.usd).max(0.0);
        state.spent += used;
        state.dearest_told = state.dearest_told.max(billed.unwrap_or_default());
        let is_untold = self.price.is_told && usd.is_none() && used.total() > 0;
        state.is_untold |= is_untold && matches!(usage, Usage::Known(_));
        match usd {
            Some(usd) => {
                state.usd += usd;
                state.today.spend(usd);
            }
            None => {
                // It was stopped before it told: what was set aside is taken for spent.
                let set_aside = if is_untold { self.usd } else { 0.0 };
                state.usd += set_aside;
                state.today.spend(set_aside);
                state.price_unknown |= used.total() > 0;
            }
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
        Price { input: Some(input), output: Some(output), is_told: false }
    }

    fn budget(max_usd: Option<f64>, max_tokens: Option<u64>) -> Arc<Budget> {
        let limits = BudgetLimits { max_usd, max_tokens, max_usd_per_day: None };
        Arc::new(Budget::new(limits, std::iter::empty(), Clock::new()))
    }

    const FREE: Price = Price { input: None, output: None, is_told: false };

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

    const TOLD: Price = Price { input: None, output: None, is_told: true };

    fn billed(usd: f64) -> Usage {
        Usage::Billed { tokens: Some(tokens(9, 9)), usd }
    }

    /// What a program says it cost is booked, and as much is set aside for its next call.
    #[test]
    fn a_told_cost_counts_and_is_what_the_next_call_may_take() {
        let budget = budget(Some(1.0), None);
        let reservation = budget.reserve(tokens(10, 10), TOLD).unwrap();
        assert_eq!(reservation.settle(billed(0.4)), Some(0.4));
        let second = budget.reserve(tokens(10, 10), TOLD).unwrap();
        let denied = budget.reserve(tokens(10, 10), TOLD).unwrap_err();
        assert!(denied.message.contains("0.4000 of 1.0000"), "{denied:?}");
        assert_eq!(second.settle(billed(0.1)), Some(0.1));
        assert_eq!(budget.spent(), Spent { tokens: tokens(18, 18), usd: Some(0.5) });
    }

    #[test]
    fn a_told_cost_wins_over_the_price() {
        let budget = budget(Some(1_000.0), None);
        let reservation = budget.reserve(tokens(10, 10), price(2.0, 8.0)).unwrap();
        assert_eq!(reservation.settle(billed(0.4)), Some(0.4));
    }

    #[test]
    fn nothing_is_begun_on_trust_when_all_is_spent() {
        let budget = budget(Some(0.5), None);
        budget.book(&Spent { tokens: tokens(1, 1), usd: Some(0.5) });
        assert!(budget.reserve(tokens(1, 1), TOLD).is_err());
    }

    /// One that was stopped had no time to tell; one that told its tokens knows no price.
    #[test]
    fn a_cost_that_is_not_told_ends_the_trust_unless_it_was_stopped() {
        let budget = budget(Some(5.0), None);
        let reserve = || budget.reserve(tokens(10, 10), TOLD);
        reserve().unwrap().settle(billed(1.0));
        assert_eq!(reserve().unwrap().settle(Usage::Estimated { output: 0 }), None);
        assert_eq!(budget.lock().usd, 2.0);
        drop(reserve().unwrap());
        assert_eq!(budget.lock().usd, 3.0);
        reserve().unwrap().settle(Usage::Known(Tokens::default()));
        assert_eq!(reserve().unwrap().settle(Usage::Known(tokens(5, 5))), None);
        assert!(reserve().unwrap_err().message.contains("price of the next call is not known"));
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
