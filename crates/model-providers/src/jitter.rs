//! Small random spreads, so that many callers of one recovering server do not come in step.
//!
//! Nothing here guards a secret; the standard library's hasher seeds are random enough.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Somewhere between `least` and `most`.
pub(crate) fn between(least: Duration, most: Duration) -> Duration {
    let spread = most.saturating_sub(least);
    // A new RandomState has a new key each time, so an empty hash is a random number.
    let random = RandomState::new().hash_one(0_u8);
    let part = u32::try_from(random % 1_001).unwrap_or(0);
    least + spread / 1_000 * part.min(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_bounds_and_varies() {
        let (least, most) = (Duration::from_millis(50), Duration::from_millis(500));
        let drawn: Vec<Duration> = (0..200).map(|_| between(least, most)).collect();
        assert!(drawn.iter().all(|d| (least..=most).contains(d)));
        assert!(drawn.iter().any(|d| *d != drawn[0]));
    }
}
