//! The ordered models of a role, asked one after the other until one answers.
//!
//! A caller that loops over models by itself forgets one of: the time left, a breaker's permit, a
//! limit's reset, the first cause. Here they are one walk, and its pure decisions stand in files
//! of their own: [`shares`] (time), [`tries`] (once more on the same model?), [`bars`] (which
//! models are out of the question), [`hedge`] (two side by side).

mod attempt;
mod bars;
mod hedge;
mod held;
mod log;
mod outcome;
mod shares;
mod span;
mod tries;
mod visit;
mod walk;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::output::Check;
use crate::{Answer, Event, ModelId, Observer, Providers, Reason, Request, Unanswered, wire};
use log::Log;
use visit::Asking;
use walk::{Ending, Walk};

/// An ordered list of models with the time they have together. Cheap to clone.
#[derive(Clone)]
pub struct Chain {
    providers: Arc<Providers>,
    models: Arc<[ModelId]>,
    timeout: Duration,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("models", &self.models)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Chain {
    pub(crate) fn new(providers: Arc<Providers>, models: Vec<ModelId>, timeout: Duration) -> Self {
        Self { providers, models: models.into(), timeout }
    }

    /// The models, the primary first.
    #[must_use]
    pub fn models(&self) -> &[ModelId] {
        &self.models
    }

    /// Whether any of its models is a program that can work in a [`crate::Workplace`].
    #[must_use]
    pub fn can_work(&self) -> bool {
        let routes = self.models.iter().filter_map(|model| self.providers.route(model));
        let mut programs = routes.filter_map(|route| route.endpoint.program.as_ref());
        programs.any(|program| program.workspace.is_some())
    }

    /// What this chain shares with the others of the run.
    #[must_use]
    pub fn providers(&self) -> &Arc<Providers> {
        &self.providers
    }

    /// Asks the models in order, the primary first at every request, for a value that passes
    /// `request`'s checks; else the stand-in.
    ///
    /// It ends at `deadline` or after the chain's own timeout, whichever is earlier. Cancelling
    /// gives up the request under way and books it as an attempt of class `cancelled`; it is held
    /// against no model. Dropping the future does the same without telling.
    ///
    /// # Errors
    /// [`Unanswered`], with every attempt: cancelled; refused, where the settings stop there; no
    /// model answered and there is no stand-in; or the stand-in's value did not pass the checks.
    pub async fn ask(
        &self,
        request: &Request,
        deadline: Option<Instant>,
        cancel: &CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Answer, Unanswered> {
        let check = Check::new(request, &self.providers.validators).map_err(|message| {
            Unanswered { reason: Reason::StandIn { message }, attempts: Vec::new() }
        })?;
        let log = Log::new(&self.providers, observer);
        let asking = Asking {
            providers: &self.providers,
            request,
            check: &check,
            log: &log,
            chain_length: self.models.len(),
            schema_tokens: wire::schema_tokens(&request.schema),
        };
        let mut walk = Walk::new(self, asking, deadline);
        let ending = tokio::select! {
            biased;
            () = cancel.cancelled() => Ending::Without(Reason::Cancelled),
            ending = walk.run() => ending,
        };
        walk.finish();
        let attempts = log.finish();
        match ending {
            Ending::Answered { value, model } => {
                Ok(Answer { value, model: Some(model), attempts, degraded: false })
            }
            Ending::Without(reason) => {
                let unanswered = Unanswered { reason, attempts };
                stand_in(request, &check, unanswered, &self.providers, observer)
            }
        }
    }
}

/// The stand-in's value, through the same checks as a model's; or the reason why there is none.
fn stand_in(
    request: &Request,
    check: &Check,
    unanswered: Unanswered,
    providers: &Providers,
    observer: &dyn Observer,
) -> Result<Answer, Unanswered> {
    let ends_here = matches!(
        unanswered.reason,
        Reason::Cancelled | Reason::Refused { .. } | Reason::StandIn { .. }
    );
    let Some(stand_in) = request.stand_in.as_ref().filter(|_| !ends_here) else {
        return Err(unanswered);
    };
    let value = stand_in(&unanswered.attempts);
    if let Err(rejected) = check.value(&value) {
        return Err(Unanswered {
            reason: Reason::StandIn { message: rejected.message },
            attempts: unanswered.attempts,
        });
    }
    let reason = unanswered.to_string();
    let event = Event::Degraded { reason };
    providers.counters.count(&event);
    observer.observe(&event);
    Ok(Answer { value, model: None, attempts: unanswered.attempts, degraded: true })
}

#[cfg(test)]
mod tests;
