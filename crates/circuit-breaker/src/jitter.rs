//! A small seeded generator, so that breakers of many processes do not probe a reviving service
//! in the same instant, and a test can still say what will come.
//!
//! SplitMix64, no dependency. Not for secrets.

/// Numbers that follow from a seed.
#[derive(Debug)]
pub(crate) struct Seeds {
    state: u64,
}

impl Seeds {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }
}

/// What a breaker's jitter follows from: sixteen bits are spread enough, and fit where there is
/// room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jitter {
    seed: u16,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: (mix(seed) >> 48) as u16 }
    }

    /// `nominal` less up to a fifth of it, the same for the same `number`. Downwards only, so a
    /// stated timeout is an upper bound.
    pub(crate) fn shorten(self, nominal: u64, number: u64) -> u64 {
        const STEPS: u64 = 1 << 16;
        let share = mix(u64::from(self.seed) << 48 ^ number.wrapping_mul(STEP)) >> 48;
        let most = nominal / 5;
        // Divided first: a multiplication could overflow for a timeout of many years.
        nominal - (most / STEPS).saturating_mul(share)
    }
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut mixed: u64) -> u64 {
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::LAST;

    #[test]
    fn follows_its_seed() {
        let draw = |seed| {
            let mut seeds = Seeds::new(seed);
            [seeds.next(), seeds.next()]
        };
        // The reference output of SplitMix64 for seed 0.
        assert_eq!(draw(0), [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn shortens_by_at_most_a_fifth_and_never_lengthens() {
        let nominal = 60_000_000_000;
        for seed in 0..4 {
            let jitter = Jitter::new(seed);
            let drawn: Vec<u64> = (0..1000).map(|n| jitter.shorten(nominal, n)).collect();
            assert!(drawn.iter().all(|d| *d <= nominal && *d >= nominal / 5 * 4));
            assert!(drawn.iter().any(|d| *d < nominal / 100 * 82));
            assert!(drawn.iter().any(|d| *d > nominal / 100 * 98));
        }
    }

    /// Or all processes probe in step, each after its own number of permits.
    #[test]
    fn different_seeds_draw_differently_for_every_number() {
        for number in 0..8 {
            let draw = |seed| Jitter::new(seed).shorten(60_000_000_000, number);
            let drawn: std::collections::BTreeSet<u64> = (0..100).map(draw).collect();
            assert!(drawn.len() > 95, "{} of 100 for {number}", drawn.len());
        }
    }

    #[test]
    fn the_longest_span_does_not_overflow() {
        assert!(Jitter::new(1).shorten(LAST, 1) > LAST / 5 * 3);
    }
}
