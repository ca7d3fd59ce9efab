//! Models and credentials that are not asked for a while because a provider said so.
//!
//! A rest is not a failure: a rate limit must not open a breaker, and it ends when the provider
//! said, not when a probe succeeds. A rate limit rests one model; a quota or a refused key rests
//! every model with that credential, and no other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Class, jitter};

/// What a rest for `auth` says: it ends with the process.
pub(crate) const UNTIL_THE_END: Duration = Duration::from_hours(24 * 365);
/// No provider's reset is believed further ahead than this.
pub(crate) const LONGEST: Duration = Duration::from_hours(24 * 8);
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const MOST_BACKOFF: Duration = Duration::from_mins(5);

/// One rest. `until` is on the clock of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) class: Class,
    pub(crate) until: Duration,
}

/// Rests by key, which names a model with its credential, or a credential.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    by_key: BTreeMap<String, Rest>,
    /// Rate limits in a row without a time, by key.
    strikes: BTreeMap<String, u32>,
}

impl Rests {
    /// Lays a rest; a longer one that is already there stays.
    pub(crate) fn lay(&mut self, key: &str, rest: Rest) {
        let known = self.by_key.entry(key.to_owned()).or_insert(rest);
        if rest.until > known.until {
            *known = rest;
        }
    }

    /// How long a model rests after a rate limit that came without a time.
    pub(crate) fn backoff(&mut self, key: &str, now: Duration) -> Duration {
        let resting = self.by_key.get(key).is_some_and(|rest| rest.until > now);
        let strikes = self.strikes.entry(key.to_owned()).or_insert(0);
        // Several requests limited at the same moment are one strike.
        if !resting {
            *strikes = strikes.saturating_add(1);
        }
        let doubled = 1_u32.checked_shl(strikes.saturating_sub(1));
        let most = FIRST_BACKOFF.saturating_mul(doubled.unwrap_or(u32::MAX));
        let most = most.min(MOST_BACKOFF);
        jitter::between(most / 2, most)
    }

    pub(crate) fn succeeded(&mut self, key: &str) {
        self.strikes.remove(key);
    }

    /// The rest of any of `keys` that lasts longest from `now`, with the time left.
    pub(crate) fn resting<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
        now: Duration,
    ) -> Option<(Class, Duration)> {
        let rests = keys.into_iter().filter_map(|key| self.by_key.get(key));
        let longest = rests.max_by_key(|rest| rest.until)?;
        let left = longest.until.saturating_sub(now);
        (!left.is_zero()).then_some((longest.class, left))
    }

    pub(crate) fn forget<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        for key in keys {
            self.by_key.remove(key);
            self.strikes.remove(key);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rests that another process should keep: those for a limit, not those for a key, which
    /// a person may have changed by then.
    pub(crate) fn lasting(&self, now: Duration) -> impl Iterator<Item = (&String, Rest)> {
        let all = self.by_key.iter().map(|(key, rest)| (key, *rest));
        all.filter(move |(_, rest)| rest.class != Class::Auth && rest.until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn rest(class: Class, seconds: u64) -> Rest {
        let until = at(seconds);
        Rest { class, until }
    }

    #[test]
    fn a_rest_ends_by_itself_and_the_longest_counts() {
        let mut rests = Rests::default();
        rests.lay("m", rest(Class::RateLimited, 10));
        rests.lay("c", rest(Class::QuotaExhausted, 30));
        rests.lay("c", rest(Class::QuotaExhausted, 20));
        let left = rests.resting(["m", "c"], at(5));
        assert_eq!(left, Some((Class::QuotaExhausted, at(25))));
        assert_eq!(rests.resting(["m", "c"], at(30)), None);
        assert_eq!(rests.resting(["other"], at(5)), None);
    }

    #[test]
    fn backoff_doubles_up_to_its_cap_and_success_ends_it() {
        let mut rests = Rests::default();
        let drawn: Vec<Duration> = (0..12).map(|_| rests.backoff("m", at(0))).collect();
        assert!(drawn[0] <= at(2) && drawn[0] >= at(1));
        assert!(drawn[2] <= at(8) && drawn[2] >= at(4));
        assert!(drawn[11] <= MOST_BACKOFF && drawn[11] >= MOST_BACKOFF / 2);
        rests.succeeded("m");
        assert!(rests.backoff("m", at(0)) <= at(2));
    }

    #[test]
    fn limits_at_the_same_moment_are_one_strike() {
        let mut rests = Rests::default();
        let first = rests.backoff("m", at(0));
        rests.lay("m", rest(Class::RateLimited, 2));
        let second = rests.backoff("m", at(1));
        assert!(first <= at(2) && second <= at(2));
    }

    #[test]
    fn a_rest_for_auth_does_not_outlive_the_process() {
        let mut rests = Rests::default();
        rests.lay("a", rest(Class::Auth, 100));
        rests.lay("q", rest(Class::QuotaExhausted, 100));
        rests.lay("old", rest(Class::RateLimited, 1));
        let kept: Vec<&String> = rests.lasting(at(2)).map(|(key, _)| key).collect();
        assert_eq!(kept, ["q"]);
    }
}
