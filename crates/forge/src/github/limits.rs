//! How fast we may be, and when the service wants to be left alone. Time is an
//! argument here.

use std::time::Duration;

/// Without a word of the service: how long it is left alone, doubled for each
/// time in a row.
const FIRST_REST: Duration = Duration::from_mins(1);
const LONGEST_REST: Duration = Duration::from_mins(15);

#[derive(Debug, Default)]
pub(super) struct Limits {
    next_write: Duration,
    rest_until: Duration,
    in_a_row: u32,
}

impl Limits {
    /// Takes the next place for a write and says how long it is until then.
    pub(super) fn take_place(&mut self, now: Duration, pace: Duration) -> Duration {
        let at = self.next_write.max(now);
        self.next_write = at.saturating_add(pace);
        at.saturating_sub(now)
    }

    /// How long the service is still to be left alone.
    pub(super) fn resting(&self, now: Duration) -> Option<Duration> {
        let rest = self.rest_until.saturating_sub(now);
        (!rest.is_zero()).then_some(rest)
    }

    /// The service throttles us; how long it is left alone now.
    pub(super) fn throttled(&mut self, now: Duration, told: Option<Duration>) -> Duration {
        let factor = 1_u32.checked_shl(self.in_a_row).unwrap_or(u32::MAX);
        let unsaid = FIRST_REST.saturating_mul(factor).min(LONGEST_REST);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.rest(now, told.unwrap_or(unsaid))
    }

    /// Leaves the service alone; a longer rest is not shortened.
    pub(super) fn rest(&mut self, now: Duration, span: Duration) -> Duration {
        self.rest_until = self.rest_until.max(now.saturating_add(span));
        self.rest_until.saturating_sub(now)
    }

    /// The service answered.
    pub(super) fn answered(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn writes_stand_a_pace_apart_however_many_ask_at_once() {
        let mut limits = Limits::default();
        let waits: Vec<u64> = (0..3).map(|_| limits.take_place(s(10), s(1)).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2]);
        assert_eq!(limits.take_place(s(12), s(1)), s(1));
        assert_eq!(limits.take_place(s(60), s(1)), s(0));
    }

    #[test]
    fn a_rest_is_as_long_as_told_or_grows() {
        let mut limits = Limits::default();
        assert_eq!(limits.throttled(s(0), Some(s(7))), s(7));
        assert_eq!((limits.resting(s(6)), limits.resting(s(7))), (Some(s(1)), None));
        let rests: Vec<u64> =
            (1..6).map(|n| limits.throttled(s(n * 10_000), None).as_secs()).collect();
        assert_eq!(rests, [120, 240, 480, 900, 900]);
        limits.answered();
        assert_eq!(limits.throttled(s(100_000), None), s(60));
        assert_eq!(limits.rest(s(100_000), s(5)), s(60), "a longer rest is not shortened");
    }
}
