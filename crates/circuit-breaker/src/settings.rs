//! When a breaker opens and for how long, with every value made safe in one place.
//!
//! A threshold of zero or a cap below the first timeout would otherwise be a special case at each
//! use, and one of them would be forgotten.

use std::time::Duration;

/// What a breaker goes by. [`Default`] is what `belay.yaml` promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `false`: every call is let through and nothing opens the breaker. Default: `true`.
    pub enabled: bool,
    /// Failures within `monitoring_window` that open the breaker; a success between them does not
    /// wipe them. Held between 1 and 10,000. Default: 5.
    pub failure_threshold: u32,
    /// How long a failure is held against the service; the window slides and both its ends count.
    /// Default: 5 min.
    pub monitoring_window: Duration,
    /// Failures without a success between them that open the breaker however far apart they are;
    /// at least 1. `None`: only the window decides. Default: 5.
    pub consecutive_failures: Option<u32>,
    /// How long the breaker stays open the first time; doubled for each failed probe, then
    /// shortened by up to a fifth at random so that processes do not probe in step. Default: 60 s.
    pub reset_timeout: Duration,
    /// The most that doubling reaches; never less than `reset_timeout`. Default: 15 min.
    pub max_reset_timeout: Duration,
    /// After this long a probe that was neither answered nor dropped loses its place to the next
    /// caller. Default: 5 min.
    pub probe_deadline: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_threshold: 5,
            monitoring_window: Duration::from_mins(5),
            consecutive_failures: Some(5),
            reset_timeout: Duration::from_mins(1),
            max_reset_timeout: Duration::from_mins(15),
            probe_deadline: Duration::from_mins(5),
        }
    }
}

impl Settings {
    /// The window's memory is one stamp for each failure up to the threshold, so it has a bound.
    const MOST_FAILURES: u32 = 10_000;

    pub(crate) fn normalized(mut self) -> Self {
        self.failure_threshold = self.failure_threshold.clamp(1, Self::MOST_FAILURES);
        self.consecutive_failures = self.consecutive_failures.map(|limit| limit.max(1));
        self.max_reset_timeout = self.max_reset_timeout.max(self.reset_timeout);
        self
    }

    /// How long to stay open after `reopenings` failed probes, before jitter.
    pub(crate) fn timeout_after(&self, reopenings: u32) -> Duration {
        let factor = 1_u32.checked_shl(reopenings).unwrap_or(u32::MAX);
        let doubled = self.reset_timeout.saturating_mul(factor);
        doubled.min(self.max_reset_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_doubles_up_to_its_cap() {
        let settings = Settings::default().normalized();
        let minutes: Vec<u64> = [0, 1, 2, 3, 4, 31, 32, u32::MAX]
            .map(|n| settings.timeout_after(n).as_secs() / 60)
            .to_vec();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15, 15]);
    }

    #[test]
    fn values_without_meaning_are_made_safe() {
        let settings = Settings {
            failure_threshold: 0,
            consecutive_failures: Some(0),
            reset_timeout: Duration::from_hours(1),
            ..Settings::default()
        }
        .normalized();
        assert_eq!(settings.failure_threshold, 1);
        assert_eq!(settings.consecutive_failures, Some(1));
        assert_eq!(settings.max_reset_timeout, Duration::from_hours(1));
    }
}
