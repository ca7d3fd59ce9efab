//! The only place of this crate where time is read, so that a test can hold it.
//!
//! Breakers, rests and timers all go by tokio's clock: with two clocks, a paused one would stand
//! still for the timers while the breakers' ran on.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Monotonic time since this value was made, and the wall clock for what is kept on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where the crate reads monotonic time"
    )]
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    /// The present instant of the timers.
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where the crate reads monotonic time"
    )]
    pub(crate) fn instant(&self) -> Instant {
        Instant::now()
    }
}

impl Clock {
    /// The instant after a span; of a span that nobody outlives, a day far ahead.
    pub(crate) fn after(&self, span: Duration) -> Instant {
        self.instant() + span.min(FAR)
    }
}

/// Longer spans from the settings would overflow an instant.
const FAR: Duration = Duration::from_hours(24 * 365);

impl circuit_breaker::Clock for Clock {
    fn now(&self) -> Duration {
        self.instant().saturating_duration_since(self.origin)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where the crate reads the wall clock"
    )]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
