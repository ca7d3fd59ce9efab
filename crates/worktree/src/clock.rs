//! The one place of this crate that reads time: only the age of forgotten files
//! depends on it.

use std::time::{Duration, SystemTime};

/// How long ago that was; zero if it lies in the future, as after a step of
/// the clock.
#[expect(clippy::disallowed_methods, reason = "this module is the crate's only clock")]
pub(crate) fn age(at: SystemTime) -> Duration {
    SystemTime::now().duration_since(at).unwrap_or_default()
}
