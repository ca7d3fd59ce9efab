//! What is asked of the config as a whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model_providers::{Endpoint, ModelId};

use super::meant::{Config, Role};

impl Config {
    /// The remote that branches are pushed to: the mirror, where nothing else is said.
    pub(crate) fn pushes_to(&self) -> Option<&str> {
        self.run.push.as_deref().or(self.store.mirror.as_deref())
    }

    /// The models of a role, in order; empty means that the template alone answers.
    pub(crate) fn chain(&self, role: Role) -> &[ModelId] {
        &self.roles.get(role).chain
    }

    /// The time that the whole chain of a role has.
    pub(crate) fn role_timeout(&self, role: Role) -> Duration {
        self.roles.get(role).timeout
    }

    /// What the providers of a run go by: the usable endpoints and all facts. Programs that are
    /// given as relative paths are looked for below `top`.
    pub(crate) fn provider_settings(&self, top: &Path) -> model_providers::Settings {
        let default = model_providers::Settings::default();
        model_providers::Settings {
            endpoints: self
                .providers
                .iter()
                .filter(|(_, provider)| provider.is_usable())
                .map(|(name, provider)| (name.clone(), below(provider.endpoint.clone(), top)))
                .collect(),
            models: self.models.clone(),
            failover: self.failover.clone(),
            breaker: self.circuit_breaker.clone(),
            budget: self.budget,
            max_response_bytes: self.max_response_bytes.unwrap_or(default.max_response_bytes),
        }
    }
}

/// A program by its whole path, where it is a path at all: it works in a folder of its own.
pub(super) fn below(mut endpoint: Endpoint, top: &Path) -> Endpoint {
    if let Some(program) = endpoint.program.as_mut().map(Arc::make_mut) {
        let at_work = program.workspace.as_mut().and_then(|works| works.command.first_mut());
        let both = program.command.first_mut().into_iter().chain(at_work);
        for first in both.filter(|first| first.contains('/')) {
            *first = top.join(&*first).display().to_string();
        }
    }
    endpoint
}
