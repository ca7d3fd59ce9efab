//! The one place where this crate reads time or waits for it, so that no stamp and no limit
//! hides elsewhere. A server's stamps count from its own start: tests compare durations and
//! never meet a wall clock that was set back.
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Time since a server's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the crate's one clock")]
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Seconds since the epoch for `created`; zero on a machine whose clock stands before it.
#[expect(clippy::disallowed_methods, reason = "the crate's one clock")]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) async fn pause(delay: Duration) {
    tokio::time::sleep(delay).await;
}

/// `None` when the limit passed first.
pub(crate) async fn limited<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    tokio::time::timeout(limit, work).await.ok()
}
