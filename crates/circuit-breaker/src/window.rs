//! When the failures were that may still count: every one, to the nanosecond.
//!
//! Counters per interval forget at their boundary or blur by a whole interval, so that five failures
//! in five minutes sometimes open a breaker and sometimes do not. A stamp for each failure is exact,
//! and as a breaker opens at the N-th failure, only N - 1 need to be kept.

use std::collections::VecDeque;

/// As many as a threshold of 16 needs.
const INLINE: usize = 15;

/// Stamps in order, oldest first.
#[derive(Clone, Debug)]
pub(crate) enum Window {
    Inline { stamps: [u64; INLINE], length: u8 },
    Heap(VecDeque<u64>),
}

impl Window {
    /// A window for a breaker that opens at the `threshold`-th failure.
    pub(crate) fn new(threshold: u16) -> Self {
        if usize::from(threshold) <= INLINE + 1 {
            Self::Inline { stamps: [0; INLINE], length: 0 }
        } else {
            Self::Heap(VecDeque::new())
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let (front, back) = match self {
            Self::Inline { stamps, length } => (&stamps[..usize::from(*length)], &[][..]),
            Self::Heap(stamps) => stamps.as_slices(),
        };
        front.iter().chain(back).copied()
    }

    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Inline { length, .. } => usize::from(*length),
            Self::Heap(stamps) => stamps.len(),
        }
    }

    /// Those that are at most `span` old.
    pub(crate) fn within(&self, now: u64, span: u64) -> impl Iterator<Item = u64> + '_ {
        self.iter().filter(move |at| now.saturating_sub(*at) <= span)
    }

    pub(crate) fn count(&self, now: u64, span: u64) -> usize {
        self.within(now, span).count()
    }

    /// Drops those that are older than `span`.
    pub(crate) fn forget(&mut self, now: u64, span: u64) {
        let old = self.length() - self.count(now, span);
        match self {
            Self::Inline { stamps, length } => {
                stamps.copy_within(old.., 0);
                *length = length.saturating_sub(u8::try_from(old).unwrap_or(u8::MAX));
            }
            Self::Heap(stamps) => drop(stamps.drain(..old)),
        }
    }

    /// Adds a stamp that is no older than the newest. The caller keeps fewer than the threshold.
    pub(crate) fn push(&mut self, at: u64) {
        match self {
            Self::Inline { stamps, length } => {
                if let Some(free) = stamps.get_mut(usize::from(*length)) {
                    *free = at;
                    *length += 1;
                }
            }
            Self::Heap(stamps) => stamps.push_back(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(threshold: u16) {
        let mut window = Window::new(threshold);
        for at in [10, 20, 20, 30] {
            window.push(at);
        }
        assert_eq!(window.count(30, 20), 4, "both ends count");
        assert_eq!(window.count(31, 20), 3);
        window.forget(31, 20);
        assert_eq!(window.iter().collect::<Vec<_>>(), [20, 20, 30]);
        window.forget(100, 20);
        assert_eq!(window.length(), 0);
        window.push(100);
        assert_eq!(window.iter().collect::<Vec<_>>(), [100]);
    }

    #[test]
    fn each_stamp_leaves_at_its_own_time() {
        check(5);
        check(17);
    }

    #[test]
    fn a_threshold_of_sixteen_needs_no_allocation() {
        let mut window = Window::new(16);
        for at in 0..15 {
            window.push(at);
        }
        assert!(matches!(window, Window::Inline { length: 15, .. }));
        assert_eq!(window.length(), 15);
    }
}
