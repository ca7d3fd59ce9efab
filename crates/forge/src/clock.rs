//! The only place of this crate where time is read and waited for, so that a
//! test can hold it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

/// Where time comes from.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Monotonic time since an origin that stays.
    fn now(&self) -> Duration;

    /// The wall clock, which may be wrong.
    fn wall(&self) -> SystemTime;

    /// Returns when so much time has passed.
    async fn pause(&self, span: Duration);
}

/// The system's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is where the crate reads monotonic time"
    )]
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

    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// The same clock for a breaker, which never waits.
#[derive(Clone)]
pub(crate) struct BreakerClock(pub(crate) Arc<dyn Clock>);

impl circuit_breaker::Clock for BreakerClock {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
}
