//! What a machine holds in each of its states, and only in that one.
//!
//! With one set of fields for all states, a count of the last closed time survives into the next
//! one, and a probe's place into a time without probes.

use std::num::NonZeroU64;

use crate::window::Window;

#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Closed(Closed),
    Open(Opening),
    HalfOpen(Probing),
}

#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) window: Window,
    /// When probes closed it; `None` if it began closed.
    pub(crate) recovered_at: Option<NonZeroU64>,
    /// Failures since the last success, if there is a rule for them.
    pub(crate) streak: u16,
    pub(crate) hold: Hold,
}

/// What somebody has decided for a closed breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    No,
    /// Its failures do not open it.
    Closed,
    /// Nothing opens it.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) at: u64,
    /// `None`: forced, until somebody resets it.
    pub(crate) until: Option<u64>,
    /// Opened for a time that a caller named, which `max_reset_timeout` does not bound.
    pub(crate) tripped: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Probing {
    /// Those under way, at most as many as the rules allow.
    pub(crate) probes: Vec<Probe>,
    pub(crate) succeeded: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) number: u64,
    pub(crate) deadline: u64,
}

impl Closed {
    pub(crate) fn new(threshold: u16, hold: Hold, recovered_at: Option<NonZeroU64>) -> Self {
        Self { window: Window::new(threshold), recovered_at, streak: 0, hold }
    }
}

impl Probing {
    /// Where the probe of that number is.
    pub(crate) fn position(&self, number: u64) -> Option<usize> {
        self.probes.iter().position(|probe| probe.number == number)
    }

    /// The probe that loses its place first.
    pub(crate) fn first_due(&self) -> Option<(usize, u64)> {
        let deadlines = self.probes.iter().map(|probe| probe.deadline);
        deadlines.enumerate().min_by_key(|(_, deadline)| *deadline)
    }
}
