//! The one place where the command line reads time.

use jiff::Timestamp;
use tokio::time::Instant;

/// When the process began its work; the run's time limit counts from here.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one clock")]
    Instant::now()
}

/// Now, on the wall clock: for people, and for what is kept for months.
pub(crate) fn stamp() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one clock")]
    Timestamp::now()
}
