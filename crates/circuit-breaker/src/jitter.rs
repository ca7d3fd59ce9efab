//! A small seeded generator, so that breakers of many processes do not probe a reviving service
//! in the same instant, and a test can still say what will come.
//!
//! SplitMix64: eight bytes of state, no dependency. Not for secrets.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// `nominal` less up to a fifth of it. Downwards only, so a stated timeout is an upper bound.
    pub(crate) fn shorten(&mut self, nominal: Duration) -> Duration {
        const STEPS: u32 = 1 << 16;
        let share = u32::from((self.next() >> 48) as u16);
        let most = nominal / 5;
        // Divided first: a multiplication could overflow for a timeout of many years.
        let cut = (most / STEPS).saturating_mul(share);
        nominal.saturating_sub(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_its_seed() {
        let draw = |seed| {
            let mut jitter = Jitter::new(seed);
            [jitter.next(), jitter.next()]
        };
        // The reference output of SplitMix64 for seed 0.
        assert_eq!(draw(0), [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn shortens_by_at_most_a_fifth_and_never_lengthens() {
        let mut jitter = Jitter::new(7);
        let nominal = Duration::from_mins(1);
        let drawn: Vec<Duration> = (0..1000).map(|_| jitter.shorten(nominal)).collect();
        assert!(drawn.iter().all(|d| *d <= nominal && *d >= nominal * 4 / 5));
        assert!(drawn.iter().any(|d| *d < nominal * 85 / 100));
        assert!(drawn.iter().any(|d| *d > nominal * 95 / 100));
    }

    #[test]
    fn the_longest_duration_does_not_overflow() {
        let shortened = Jitter::new(1).shorten(Duration::MAX);
        assert!(shortened > Duration::MAX / 5 * 3);
    }
}
