//! The only place of this crate where time is read, so that a test can hold it.
//!
//! Two times are kept apart: the monotonic one decides, the wall clock is written into snapshots.
//! A clock that is set back or forward by an hour must not hold a breaker open or close it early.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Where a breaker gets its time from. Implementations must not block.
pub trait Clock: Clone + Send + Sync + 'static {
    /// Monotonic time since an origin that stays fixed for the life of the process.
    fn now(&self) -> Duration;

    /// The wall-clock time, which people and NTP may set at will. Used for snapshots only.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clocks. The monotonic origin is the first reading in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where the crate reads monotonic time"
    )]
    #[inline]
    fn now(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where the crate reads the wall clock"
    )]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is told to move; clones share the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    times: Arc<Mutex<Times>>,
}

#[derive(Debug)]
struct Times {
    now: Duration,
    wall: SystemTime,
}

impl ManualClock {
    /// Monotonic time zero, at 2026-01-01T00:00:00Z on the wall.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600))
    }

    /// Monotonic time zero, at `wall`: the clock of a process that starts then.
    #[must_use]
    pub fn starting_at(wall: SystemTime) -> Self {
        let now = Duration::ZERO;
        Self { times: Arc::new(Mutex::new(Times { now, wall })) }
    }

    /// Lets `passed` go by on both clocks.
    pub fn advance(&self, passed: Duration) {
        let mut times = self.lock();
        times.now = times.now.saturating_add(passed);
        times.wall = times.wall.checked_add(passed).unwrap_or(times.wall);
    }

    /// Sets the wall clock forward, or back if `seconds` is negative; no monotonic time passes.
    /// A step that the system's time type cannot hold is left out.
    pub fn step_wall(&self, seconds: i64) {
        let mut times = self.lock();
        let step = Duration::from_secs(seconds.unsigned_abs());
        let stepped =
            if seconds < 0 { times.wall.checked_sub(step) } else { times.wall.checked_add(step) };
        times.wall = stepped.unwrap_or(times.wall);
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn wall(&self) -> SystemTime {
        self.lock().wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back() {
        let earlier = SystemClock.now();
        assert!(SystemClock.now() >= earlier);
        assert!((0..1_000_000).any(|_| SystemClock.now() > earlier), "it stands still");
    }

    #[test]
    fn a_wall_step_leaves_monotonic_time_alone() {
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(5));
        let wall = clock.wall();
        clock.step_wall(-3600);
        assert_eq!(clock.now(), Duration::from_secs(5));
        assert_eq!(wall.duration_since(clock.wall()).unwrap().as_secs(), 3600);
    }

    #[test]
    fn clones_share_their_time() {
        let clock = ManualClock::new();
        clock.clone().advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Duration::from_secs(1));
    }
}
