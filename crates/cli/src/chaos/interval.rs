//! How sure a share is: Wilson's interval, which is right also where all or none of few succeed.
//! A share without it invites to read ten of ten as "always".

use serde::Serialize;

/// The quantile of the normal distribution for 95 % in the middle.
const Z: f64 = 1.959_964;

/// A share of a number of runs, in percent, with its 95 % interval.
#[derive(Serialize, Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) percent: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Share {
    /// Of nothing, everything is possible.
    pub(crate) fn of(count: usize, all: usize) -> Self {
        if all == 0 {
            return Self { percent: 0.0, low: 0.0, high: 100.0 };
        }
        let (count, all) = (number(count.min(all)), number(all));
        let share = count / all;
        let square = Z * Z;
        let middle = (share + square / (2.0 * all)) / (1.0 + square / all);
        let spread = (share * (1.0 - share) / all + square / (4.0 * all * all)).sqrt();
        let half = Z * spread / (1.0 + square / all);
        let percent = |share: f64| (share.clamp(0.0, 1.0) * 1000.0).round() / 10.0;
        Self { percent: percent(share), low: percent(middle - half), high: percent(middle + half) }
    }
}

/// Counts are far below what a `f64` holds exactly.
#[expect(clippy::cast_precision_loss, reason = "a count of runs or calls is small")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: usize, all: usize, expected: (f64, f64, f64)) {
        let share = Share::of(count, all);
        assert_eq!((share.percent, share.low, share.high), expected, "{count} of {all}");
    }

    #[test]
    fn the_interval_is_wilsons() {
        // Against the figures of the literature: 1 of 10 is 1.8 % to 40.4 %.
        check(1, 10, (10.0, 1.8, 40.4));
        check(50, 100, (50.0, 40.4, 59.6));
        check(130, 200, (65.0, 58.2, 71.3));
    }

    #[test]
    fn all_and_none_are_not_sure() {
        check(10, 10, (100.0, 72.2, 100.0));
        check(0, 10, (0.0, 0.0, 27.8));
        check(200, 200, (100.0, 98.1, 100.0));
        check(0, 0, (0.0, 0.0, 100.0));
    }
}
