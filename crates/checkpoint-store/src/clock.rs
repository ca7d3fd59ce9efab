//! The one place where this crate reads the time, so that a test can hold it.
//!
//! Stamps are for people. Nothing in this crate compares two of them: clocks
//! step, and two machines disagree. Order comes from sequence numbers, the
//! right to write from epochs.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Where stamps come from: the machine's wall clock, or one that a test holds.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's wall clock.
    #[expect(clippy::disallowed_methods, reason = "the clock module is where the time is read")]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that asks `read` for each stamp.
    pub fn from_fn(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// A clock that always shows the same stamp.
    pub fn fixed(at: Timestamp) -> Self {
        Self::from_fn(move || at)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
