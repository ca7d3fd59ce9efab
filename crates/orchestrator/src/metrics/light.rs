//! A share and the light that it shows: whether somebody should look.

use serde::Serialize;

/// Whether a share is as it should be.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Critical,
}

impl Light {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Those that are counted.
    pub part: usize,
    /// Those that could be.
    pub of: usize,
}

impl Rate {
    /// The share in per cent; none of nothing.
    pub fn percent(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no journal has so many rows")]
        let percent = || self.part as f64 * 100.0 / self.of as f64;
        (self.of > 0).then(percent)
    }

    /// Of a share that should be large: good above `good` per cent, critical below `critical`.
    pub fn high(self, good: usize, critical: usize) -> Option<Light> {
        self.judged(|percent| match percent {
            _ if self.is_above(good) => Light::Good,
            _ if percent < critical.saturating_mul(self.of) => Light::Critical,
            _ => Light::Warning,
        })
    }

    /// Of a share that should be small: good below `good` per cent, critical above `critical`.
    pub fn low(self, good: usize, critical: usize) -> Option<Light> {
        self.judged(|percent| match percent {
            _ if percent < good.saturating_mul(self.of) => Light::Good,
            _ if self.is_above(critical) => Light::Critical,
            _ => Light::Warning,
        })
    }

    // Whole numbers: a share of exactly ninety per cent must not depend on rounding.
    fn is_above(self, percent: usize) -> bool {
        self.part.saturating_mul(100) > percent.saturating_mul(self.of)
    }

    fn judged(self, judge: impl Fn(usize) -> Light) -> Option<Light> {
        (self.of > 0).then(|| judge(self.part.saturating_mul(100)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_shows_the_light_of_its_limits() {
        let high = |part| Rate { part, of: 1000 }.high(90, 70).map(Light::as_str);
        let low = |part| Rate { part, of: 1000 }.low(10, 30).map(Light::as_str);
        assert_eq!(
            [901, 900, 700, 699].map(high),
            ["good", "warning", "warning", "critical"].map(Some)
        );
        assert_eq!(
            [99, 100, 300, 301].map(low),
            ["good", "warning", "warning", "critical"].map(Some)
        );
    }

    #[test]
    fn of_nothing_there_is_no_share() {
        let none = Rate { part: 0, of: 0 };
        assert_eq!((none.percent(), none.high(90, 70), none.low(5, 15)), (None, None, None));
    }
}
