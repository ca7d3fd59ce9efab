//! When a breaker opens and for how long, with every value made safe in one place.
//!
//! A threshold of zero or a cap below the first timeout would otherwise be a special case at each
//! use, and one of them would be forgotten.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::moment::nanos;

/// What a breaker goes by.
///
/// The defaults suit a service that is asked now and then: five failures in five minutes, or five in
/// a row, open its breaker for a minute. No value can make it unsafe: each is held within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `false`: every call is let through and nothing opens the breaker. Default: `true`.
    pub enabled: bool,
    /// Failures within `monitoring_window` that open the breaker; a success between them does not
    /// wipe them. Held between 1 and 10,000; up to 16 need no allocation. Default: 5.
    pub failure_threshold: u32,
    /// How long a failure is held against the service; the window slides and both its ends count.
    /// Default: 5 min.
    pub monitoring_window: Duration,
    /// Failures without a success between them that open the breaker however far apart they are;
    /// held between 1 and 10,000. `None`: only the other rules decide. Default: 5.
    pub consecutive_failures: Option<u32>,
    /// A share of the last calls that opens the breaker when it failed. With it, each success
    /// takes the lock to enter itself. Default: `None`.
    pub failure_rate: Option<FailureRate>,
    /// How long the breaker stays open the first time; doubled for each reopening, then
    /// shortened by up to a fifth at random so that processes do not probe in step. Default: 60 s.
    pub reset_timeout: Duration,
    /// The most that doubling reaches; never less than `reset_timeout`. Default: 15 min.
    pub max_reset_timeout: Duration,
    /// Staying closed for this long takes one doubling back, so a service that recovers for a
    /// moment and fails again does not start from the shortest time each time. Zero: all are
    /// taken back when it closes. Default: 5 min.
    pub decay_interval: Duration,
    /// How many probes may be under way at once. Held between 1 and 64. Default: 1.
    pub probes: u32,
    /// Probes that must succeed, none of them failing, to close it. Held between 1 and 100.
    /// Default: 1.
    pub successes_to_close: u32,
    /// After this long a probe that was neither answered nor dropped loses its place to the next
    /// caller. Default: 5 min.
    pub probe_deadline: Duration,
}

/// Opens a breaker when `percent` of the last calls failed.
///
/// Five failures in five minutes are an outage for a service that is asked once a minute and noise
/// for one that is asked a thousand times a second; the second one is judged by its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureRate {
    /// The share that opens it; held between 1 and 100.
    pub percent: u32,
    /// How many of the last calls are looked at, those that were ignored left out. Held between
    /// 1 and 1000.
    pub calls: u32,
    /// With fewer calls than this the rate says nothing. Held between 1 and `calls`.
    pub minimum: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_threshold: 5,
            monitoring_window: Duration::from_mins(5),
            consecutive_failures: Some(5),
            failure_rate: None,
            reset_timeout: Duration::from_mins(1),
            max_reset_timeout: Duration::from_mins(15),
            decay_interval: Duration::from_mins(5),
            probes: 1,
            successes_to_close: 1,
            probe_deadline: Duration::from_mins(5),
        }
    }
}

/// Rules never change, so loom need not stop where they are read.
pub(crate) type SharedRules = Arc<Rules>;

/// The settings as the machine uses them: within their bounds, and small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) window: u64,
    pub(crate) reset: u64,
    pub(crate) longest: u64,
    pub(crate) decay: u64,
    pub(crate) deadline: u64,
    pub(crate) threshold: u16,
    pub(crate) in_a_row: Option<u16>,
    pub(crate) rate: Option<Rate>,
    pub(crate) probes: u8,
    pub(crate) to_close: u8,
    pub(crate) enabled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) percent: u8,
    pub(crate) calls: u16,
    pub(crate) minimum: u16,
}

impl Rules {
    /// The window's memory is one stamp for each failure up to the threshold, so it has a bound.
    const MOST_FAILURES: u16 = 10_000;

    /// Rules never change, so breakers may share a copy: all that go by the defaults have one, and
    /// who makes many with other settings has a registry.
    pub(crate) fn shared(settings: &Settings) -> SharedRules {
        static DEFAULT: LazyLock<SharedRules> =
            LazyLock::new(|| Arc::new(Rules::new(&Settings::default())));
        let rules = Self::new(settings);
        if rules == **DEFAULT { Arc::clone(&DEFAULT) } else { Arc::new(rules) }
    }

    pub(crate) fn new(settings: &Settings) -> Self {
        let reset = nanos(settings.reset_timeout);
        Self {
            window: nanos(settings.monitoring_window),
            reset,
            longest: nanos(settings.max_reset_timeout).max(reset),
            decay: nanos(settings.decay_interval),
            deadline: nanos(settings.probe_deadline),
            threshold: held(settings.failure_threshold, Self::MOST_FAILURES),
            in_a_row: settings.consecutive_failures.map(|most| held(most, Self::MOST_FAILURES)),
            rate: settings.failure_rate.map(Rate::new),
            probes: held_small(settings.probes, 64),
            to_close: held_small(settings.successes_to_close, 100),
            enabled: settings.enabled,
        }
    }

    /// How long to stay open after `reopenings`, before jitter.
    pub(crate) fn timeout_after(&self, reopenings: u8) -> u64 {
        let factor = 1_u64.checked_shl(u32::from(reopenings)).unwrap_or(u64::MAX);
        self.reset.saturating_mul(factor).min(self.longest)
    }
}

impl Rate {
    fn new(given: FailureRate) -> Self {
        let calls = held(given.calls, 1000);
        let minimum = held(given.minimum, calls);
        Self { percent: held_small(given.percent, 100), calls, minimum }
    }

    pub(crate) fn is_reached(self, failed: u16, calls: u16) -> bool {
        let share = u32::from(self.percent) * u32::from(calls);
        calls >= self.minimum && u32::from(failed) * 100 >= share
    }
}

fn held(value: u32, most: u16) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX).clamp(1, most)
}

fn held_small(value: u32, most: u8) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_doubles_up_to_its_cap() {
        let rules = Rules::new(&Settings::default());
        let minute = nanos(Duration::from_mins(1));
        let minutes: Vec<u64> = [0, 1, 2, 3, 4, 31, 63, 64, u8::MAX]
            .map(|reopenings| rules.timeout_after(reopenings) / minute)
            .to_vec();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15, 15, 15]);
    }

    #[test]
    fn who_goes_by_the_defaults_shares_one_copy() {
        let [one, other] = [(); 2].map(|()| Rules::shared(&Settings::default()));
        assert!(Arc::ptr_eq(&one, &other));
        let probes = Rules::shared(&Settings { probes: 2, ..Settings::default() });
        assert_eq!((one.probes, probes.probes), (1, 2));
    }

    #[test]
    fn values_without_meaning_are_made_safe() {
        let rules = Rules::new(&Settings {
            failure_threshold: 0,
            consecutive_failures: Some(0),
            reset_timeout: Duration::from_hours(1),
            failure_rate: Some(FailureRate { percent: 0, calls: 0, minimum: 9 }),
            probes: 0,
            successes_to_close: 0,
            ..Settings::default()
        });
        assert_eq!((rules.threshold, rules.in_a_row), (1, Some(1)));
        assert_eq!(rules.longest, nanos(Duration::from_hours(1)));
        assert_eq!(rules.rate, Some(Rate { percent: 1, calls: 1, minimum: 1 }));
        assert_eq!((rules.probes, rules.to_close), (1, 1));
    }

    #[test]
    fn values_beyond_their_bounds_are_cut() {
        let rules = Rules::new(&Settings {
            failure_threshold: u32::MAX,
            consecutive_failures: Some(u32::MAX),
            failure_rate: Some(FailureRate { percent: 200, calls: 70_000, minimum: 70_000 }),
            probes: 65,
            successes_to_close: 1000,
            ..Settings::default()
        });
        assert_eq!((rules.threshold, rules.in_a_row), (10_000, Some(10_000)));
        assert_eq!(rules.rate, Some(Rate { percent: 100, calls: 1000, minimum: 1000 }));
        assert_eq!((rules.probes, rules.to_close), (64, 100));
    }

    #[test]
    fn a_rate_needs_its_minimum_and_its_share() {
        let rate = Rate { percent: 50, calls: 10, minimum: 4 };
        assert!(!rate.is_reached(3, 3));
        assert!(rate.is_reached(2, 4));
        assert!(!rate.is_reached(2, 5));
        assert!(rate.is_reached(3, 5));
    }
}
