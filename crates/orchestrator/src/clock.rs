//! The one place where this crate reads time.

use jiff::Timestamp;

/// The stamp of a commit that is about to be made, in whole seconds as git keeps it.
pub(crate) fn commit_stamp() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one clock")]
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Now, on the runtime's clock, which tests can hold.
pub(crate) fn now() -> tokio::time::Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the crate's one clock")]
    tokio::time::Instant::now()
}
