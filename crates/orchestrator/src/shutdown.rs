//! A request to stop: who asked first, and a token that everything watches.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// The trigger where another process has taken the run over.
pub(crate) const LEASE_LOST: &str = "lost lease";

/// Shared by whoever may stop a run and by everything that must stop with it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    trigger: Arc<OnceLock<String>>,
}

impl Shutdown {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a clean end; the first trigger is the one that is named.
    pub fn request(&self, trigger: &str) {
        self.trigger.get_or_init(|| trigger.to_owned());
        self.token.cancel();
    }

    /// Why it was asked for, if it was.
    pub fn trigger(&self) -> Option<&str> {
        self.trigger.get().map(String::as_str)
    }

    /// Whether the run is another process's now: nothing of it is written any more.
    pub(crate) fn lease_is_lost(&self) -> bool {
        self.trigger() == Some(LEASE_LOST)
    }

    /// Cancelled as soon as an end is asked for.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
