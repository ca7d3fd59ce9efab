//! How the last calls ended, one bit each, for the rule that goes by their failure rate.
//!
//! A rate over counters that are halved or reset now and then depends on when that happens. The
//! last calls themselves do not, and a ring of a thousand of them is 125 bytes, made once.

/// The last calls, at most as many as it was made for.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    bits: Box<[u64]>,
    capacity: u16,
    length: u16,
    /// Where the next call goes; if the ring is full, that is where the oldest one stands.
    next: u16,
    failed: u16,
}

impl Ring {
    pub(crate) fn new(capacity: u16) -> Self {
        let capacity = capacity.max(1);
        let words = usize::from(capacity).div_ceil(64);
        Self { bits: vec![0; words].into(), capacity, length: 0, next: 0, failed: 0 }
    }

    pub(crate) fn push(&mut self, failed: bool) {
        if self.length == self.capacity {
            self.failed -= u16::from(self.at(self.next));
        } else {
            self.length += 1;
        }
        self.failed += u16::from(failed);
        let (word, bit) = place(self.next);
        if let Some(word) = self.bits.get_mut(word) {
            *word = *word & !bit | if failed { bit } else { 0 };
        }
        self.next = (self.next + 1) % self.capacity;
    }

    pub(crate) fn length(&self) -> u16 {
        self.length
    }

    pub(crate) fn failed(&self) -> u16 {
        self.failed
    }

    /// Oldest first; `true` is a failure.
    pub(crate) fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        let oldest = if self.length == self.capacity { self.next } else { 0 };
        let places = (0..self.length).map(move |passed| (oldest + passed) % self.capacity);
        places.map(|at| self.at(at))
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
        self.next = 0;
        self.failed = 0;
    }

    fn at(&self, at: u16) -> bool {
        let (word, bit) = place(at);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }
}

fn place(at: u16) -> (usize, u64) {
    (usize::from(at / 64), 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_last_calls_and_no_others() {
        // Miri takes its time: there, only until the first word and the ring are full.
        let (capacities, calls) =
            if cfg!(miri) { (&[3, 65][..], 70) } else { (&[1, 3, 64, 65, 130][..], 400_u32) };
        for &capacity in capacities {
            let mut ring = Ring::new(capacity);
            let mut all = Vec::new();
            for call in 0..calls {
                let failed = call % 7 < 3;
                ring.push(failed);
                all.push(failed);
                let last = &all[all.len().saturating_sub(usize::from(capacity))..];
                assert_eq!(ring.iter().collect::<Vec<_>>(), last);
                assert_eq!(usize::from(ring.length()), last.len());
                let failures = last.iter().filter(|failed| **failed).count();
                assert_eq!(usize::from(ring.failed()), failures);
            }
            ring.clear();
            assert_eq!((ring.length(), ring.failed(), ring.iter().count()), (0, 0, 0));
        }
    }
}
