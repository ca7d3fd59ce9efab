//! The one place where the command line reads time.

use tokio::time::Instant;

/// When the process began its work; the run's time limit counts from here.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one clock")]
    Instant::now()
}

/// What the time is, for people.
pub(crate) fn stamp() -> jiff::Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one clock")]
    jiff::Timestamp::now()
}
