//! A request to stop: who asked first, and a token that everything watches.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

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

    /// Cancelled as soon as an end is asked for.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
