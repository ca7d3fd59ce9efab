//! Chance that a test can repeat.

use std::time::Duration;

/// Numbers that look random and are the same for the same seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 1 to `most`.
    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        let most = u64::try_from(most.max(1)).expect("small");
        usize::try_from(self.roll() % most).expect("small") + 1
    }

    /// An instant within a span.
    pub(crate) fn within(&mut self, span: Duration) -> Duration {
        let micros = u64::try_from(span.as_micros()).expect("a short span").max(1);
        Duration::from_micros(self.roll() % micros)
    }
}

/// A whole number from the environment, for runs that are longer than usual.
pub(crate) fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
}
