//! One try: a question sent, an answer read, under all of its timers.
//!
//! A timer that begins only with the headers lets a server hold a request for ever, so one stands
//! around the whole try.

use std::path::Path;
use std::time::Duration;

use circuit_breaker::Clock as _;
use tokio::time::{Instant, timeout_at};

use crate::budget::Usage;
use crate::classify::Told;
use crate::failure::Failure;
use crate::launches::Launch;
use crate::program::{self, Asked, Limited};
use crate::providers::Route;
use crate::wire::{self, Completion, Question, Spans};
use crate::{Class, Message, Program, Providers, Schema};

/// A server may refuse several parameters, one after the other.
const MOST_STEPS_DOWN: u32 = 4;

/// What is tried.
pub(super) struct Try<'t> {
    pub(super) providers: &'t Providers,
    pub(super) route: Route<'t>,
    pub(super) messages: &'t [Message],
    pub(super) schema: &'t Schema,
    /// The end of the visit's share.
    pub(super) until: Instant,
    /// For a program.
    pub(super) launch: Option<&'t Launch>,
}

impl Try<'_> {
    /// The model's text, or why there is none. A server that refuses a parameter is asked again
    /// at once without it, which is remembered and is no attempt of its own.
    pub(super) async fn make(&self) -> Result<Completion, Failure> {
        let answering = async {
            match &self.route.endpoint.program {
                Some(program) => self.run(program).await,
                None => self.step_down().await,
            }
        };
        self.within(answering).await.unwrap_or_else(Err)
    }

    /// What comes of it before the try's time is over.
    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let began = self.providers.clock.instant();
        timeout_at(self.until, work).await.map_err(|_| {
            let given = self.until.saturating_duration_since(began);
            let message = format!("not done within the {} it was given", shown(given));
            let mut failure = Failure::new(Class::Timeout, message);
            failure.out_of_time = true;
            failure.with_usage(Usage::Estimated { output: 0 })
        })
    }

    /// A program refuses no parameters: it is asked once.
    async fn run(&self, program: &Program) -> Result<Completion, Failure> {
        let form = wire::Form::first(self.route.dialect);
        let question =
            Question { route: self.route, messages: self.messages, schema: self.schema, form };
        let prompt = program::text(&wire::with_schema_in_prompt(&question));
        self.asked(program, None).ask(&prompt).await.0
    }

    /// A start of the program within this try's bounds.
    pub(super) fn asked<'a>(&'a self, program: &'a Program, folder: Option<&'a Path>) -> Asked<'a> {
        let (providers, route) = (self.providers, self.route);
        let silence = [
            Some(providers.settings.failover.idle_timeout),
            Some(self.first_token_timeout()),
            program.silence,
        ];
        let limited = Limited {
            total: self.until.saturating_duration_since(providers.clock.instant()),
            idle: silence.into_iter().flatten().max().unwrap_or_default(),
            most_bytes: providers.settings.max_response_bytes,
            wall: providers.clock.wall(),
        };
        let key = route.endpoint.api_key.as_ref();
        Asked { program, key, model: &route.model.name, limited, folder, launch: self.launch }
    }

    async fn step_down(&self) -> Result<Completion, Failure> {
        let forms = &self.providers.forms;
        let mut steps = 0;
        loop {
            let form = forms.of(self.route.model, self.route.dialect);
            let failure = match self.exchange(form).await {
                Ok(completion) => return Ok(completion),
                Err(failure) => failure,
            };
            let refused = matches!(failure.status, Some(400 | 404 | 415 | 422 | 501));
            let less = form.without(failure.raw(), self.route.dialect).filter(|_| {
                refused && failure.class == Class::InvalidRequest && steps < MOST_STEPS_DOWN
            });
            let Some(less) = less else {
                return Err(failure);
            };
            tracing::debug!(model = %self.route.model, ?less, "a parameter is not accepted");
            forms.remember(self.route.model, less);
            steps += 1;
        }
    }

    async fn exchange(&self, form: wire::Form) -> Result<Completion, Failure> {
        let (providers, route) = (self.providers, self.route);
        let question = Question { route, messages: self.messages, schema: self.schema, form };
        let call = wire::call(&question)
            .map_err(|message| Failure::new(Class::InvalidRequest, message))?;
        let first_token = self.first_token_timeout();
        let sent = providers.clock.instant();
        let first_token_at = providers.clock.after(first_token);
        let reply = timeout_at(first_token_at, providers.transport.send(call)).await;
        let reply = reply.map_err(|_| wire::no_first_token(first_token))?.map_err(wire::lost)?;
        let wall = providers.clock.wall();
        let told = Told::by(&reply.headers, wall);
        if told != Told::default() {
            let key = providers.model_key(route.model);
            providers.gates.learn(&key, &told, providers.clock);
        }
        let spans = Spans {
            first_token,
            first_token_at,
            idle: providers.settings.failover.idle_timeout,
            most_bytes: providers.settings.max_response_bytes,
            wall,
        };
        let alive = || {
            let waited = providers.clock.instant().saturating_duration_since(sent);
            providers.latencies().record(route.model, waited);
            providers.counters.first_token(waited);
        };
        wire::read(route.endpoint.kind, reply, spans, alive).await
    }

    fn first_token_timeout(&self) -> Duration {
        let fixed = self.providers.settings.failover.first_token_timeout;
        fixed.unwrap_or_else(|| self.providers.latencies().timeout(self.route.model))
    }
}

/// To the tenth of a second.
pub(crate) fn shown(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
