//! The one place of this crate that reads time, so that limits are measured
//! on a single monotonic clock and a step of the wall clock cannot fire them.

use std::time::Duration;

use tokio::time::Instant;

/// A stand-in for "never": far enough away that no limit is meant by it, near
/// enough that adding it to any instant cannot overflow.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

#[expect(clippy::disallowed_methods, reason = "this module is the crate's only clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// `from + wait`, where a wait too long to be represented means never.
pub(crate) fn after(from: Instant, wait: Duration) -> Instant {
    from + wait.min(NEVER)
}
