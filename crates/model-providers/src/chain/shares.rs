//! How much of the chain's time one visit may use.
//!
//! A primary that hangs would otherwise eat the whole deadline, and the fallback that stood ready
//! would never be reached.

use std::time::Duration;

/// The most one visit may use of the time left. `models_left` counts this model and those after
/// it that may still be visited; a lone model has everything.
pub(super) fn share(left: Duration, is_primary: bool, models_left: u32) -> Duration {
    match models_left {
        0 | 1 => left,
        _ if is_primary => left / 2,
        several => left / several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 16: what is left is kept for each model left.
    #[test]
    fn the_primary_has_at_most_half_and_each_next_its_share() {
        let table = [
            (120, true, 1, 120),
            (120, true, 2, 60),
            (120, true, 4, 60),
            (60, false, 3, 20),
            (60, false, 2, 30),
            (30, false, 1, 30),
            (30, false, 0, 30),
        ];
        for (left, is_primary, models_left, expected) in table {
            let given = share(Duration::from_secs(left), is_primary, models_left);
            assert_eq!(given.as_secs(), expected, "{left} {is_primary} {models_left}");
        }
    }

    #[test]
    fn visits_that_all_use_their_share_fit_into_the_whole() {
        let whole = Duration::from_secs(100);
        let mut left = whole;
        for position in 0..5_u32 {
            let used = share(left, position == 0, 5 - position);
            assert!(!used.is_zero());
            left -= used;
        }
        assert_eq!(left, Duration::ZERO);
    }
}
