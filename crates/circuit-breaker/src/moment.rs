//! Time as the machine counts it: nanoseconds in 62 bits, which saturate at both ends.
//!
//! Unsigned time that wraps turns "not yet" into "long ago" and lets everybody through. 62 bits are
//! 146 years, and as seconds and nanoseconds of the clock they leave room for a tag, so that an
//! opening and its end fit into one atomic word.

use std::time::Duration;

/// The last moment there is, and the longest span.
pub(crate) const LAST: u64 = (1 << 62) - 1;

/// The moment of a clock's origin. What a snapshot tells of happened before it.
const ORIGIN: u64 = 20 * 365 * 24 * 3600 * NANOS;

const NANOS: u64 = 1_000_000_000;

/// The moment of a clock's reading.
#[inline]
pub(crate) fn moment(reading: Duration) -> u64 {
    after(ORIGIN, nanos(reading))
}

/// What the clock shows at that moment; nothing before its origin is asked for.
pub(crate) fn reading(moment: u64) -> Duration {
    Duration::from_nanos(moment.saturating_sub(ORIGIN))
}

#[inline]
pub(crate) fn nanos(span: Duration) -> u64 {
    let whole = span.as_secs().saturating_mul(NANOS);
    whole.saturating_add(u64::from(span.subsec_nanos())).min(LAST)
}

#[inline]
pub(crate) fn after(moment: u64, span: u64) -> u64 {
    moment.saturating_add(span).min(LAST)
}

/// How long until `until`; nothing if that is past.
#[inline]
pub(crate) fn left(until: u64, now: u64) -> Duration {
    Duration::from_nanos(until.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_reading_is_the_last_moment_and_nothing_comes_after() {
        assert_eq!(moment(Duration::MAX), LAST);
        assert_eq!(LAST, 4_611_686_018_427_387_903, "62 bits");
        assert_eq!(after(LAST, LAST), LAST);
        assert_eq!(nanos(Duration::from_nanos(1)), 1);
        assert_eq!(nanos(Duration::new(2, 3)), 2_000_000_003);
        assert_eq!(moment(Duration::ZERO), 630_720_000_000_000_000);
    }

    #[test]
    fn a_moment_is_what_its_reading_says() {
        for nanos in [0, 1, 999_999_999, 1_000_000_001, LAST - ORIGIN] {
            let shown = Duration::from_nanos(nanos);
            assert_eq!(reading(moment(shown)), shown);
        }
        assert_eq!(reading(ORIGIN - 1), Duration::ZERO);
    }

    #[test]
    fn what_is_past_leaves_no_time() {
        assert_eq!(left(5, 3), Duration::from_nanos(2));
        assert_eq!(left(3, 5), Duration::ZERO);
    }
}
