//! What the providers of a run go by: endpoints, facts about models, limits.
//!
//! One plain value handed down once, so that nothing below reads a file or the environment and
//! two places cannot disagree about a limit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::{ModelId, Program, Secret};

/// Everything [`crate::Providers`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// By the provider's name, the part of a model before its first slash.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// What is known about models; a model that is not listed has no known facts.
    pub models: BTreeMap<ModelId, Facts>,
    /// How a chain goes from one model to the next.
    pub failover: Failover,
    /// The same for the breaker of every model.
    pub breaker: circuit_breaker::Settings,
    /// What all requests together may spend.
    pub budget: BudgetLimits,
    /// The most bytes taken of one answer, 16 MiB by default; more is a failed attempt.
    pub max_response_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoints: BTreeMap::new(),
            models: BTreeMap::new(),
            failover: Failover::default(),
            breaker: circuit_breaker::Settings::default(),
            budget: BudgetLimits::default(),
            max_response_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Facts about a model, each optional.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Tokens of input and output together. Unknown counts as larger than any known one.
    pub context_window: Option<u64>,
    /// The most tokens one answer may have.
    pub max_output_tokens: Option<u64>,
    /// US dollars for a million input tokens.
    pub usd_per_million_input: Option<f64>,
    /// US dollars for a million output tokens.
    pub usd_per_million_output: Option<f64>,
    /// The most time one visit of this model may take, beside its share of the chain's time.
    pub timeout: Option<Duration>,
}

impl Facts {
    /// Kept free in the window for the answer: the model's own limit, or a usual one, but never
    /// more than a quarter of the window.
    pub(crate) fn answer_reserve(&self) -> u64 {
        let answer = self.max_output_tokens.unwrap_or(USUAL_OUTPUT);
        self.context_window.map_or(answer, |window| answer.min(window / 4))
    }
}

/// An answer's tokens where the model's own limit is not known.
const USUAL_OUTPUT: u64 = 8_192;

/// The language an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `POST {base_url}/chat/completions`, as OpenAI and the many servers compatible with it.
    OpenAi,
    /// `POST {base_url}/v1/messages`, as Anthropic; a `base_url` that ends in `/v1` is taken too.
    Anthropic,
    /// No server but a program, see [`Endpoint::program`].
    Command,
}

/// Where a provider's models are asked, and with which credential.
#[derive(Clone)]
pub struct Endpoint {
    /// The language spoken there.
    pub kind: Kind,
    /// Without the last part: `https://api.openai.com/v1`, `https://api.anthropic.com`. A query
    /// is kept.
    pub base_url: Url,
    /// Sent as `Authorization: Bearer` or `x-api-key`; never sent to another host.
    pub api_key: Option<Secret>,
    /// Sent as they are; one with the name of our own header replaces it. Values are taken for
    /// secrets.
    pub headers: BTreeMap<String, String>,
    /// For [`Kind::Command`]: what is started instead of a request. `base_url` only names it then.
    pub program: Option<Arc<Program>>,
    /// What the server is like, by a name of [`crate::dialects`]; `None`: by its address.
    pub dialect: Option<String>,
    /// What is kept to beforehand with this credential.
    pub limits: Limits,
}

impl Endpoint {
    /// Without key, headers and limits.
    #[must_use]
    pub fn new(kind: Kind, base_url: Url) -> Self {
        Self {
            kind,
            base_url,
            api_key: None,
            headers: BTreeMap::new(),
            program: None,
            dialect: None,
            limits: Limits::default(),
        }
    }
}

/// What may be asked with one credential; `None` is what the server's own headers say. Endpoints
/// with the same credential share it, by the lowest of their limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests within any minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens of input and output within any minute, estimated before a request.
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    pub concurrency: Option<u32>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.keys().collect();
        f.debug_struct("Endpoint")
            .field("kind", &self.kind)
            .field("host", &self.base_url.host_str().unwrap_or_default())
            .field("path", &self.base_url.path())
            .field("api_key", &self.api_key)
            .field("headers", &headers)
            .field("program", &self.program)
            .field("dialect", &self.dialect)
            .field("limits", &self.limits)
            .finish()
    }
}

/// How a chain goes from one model to the next. [`Default`] is what `belay.yaml` promises.
#[derive(Clone, Debug)]
pub struct Failover {
    /// `false`: the primary only. Default: `true`.
    pub enabled: bool,
    /// The most models one request visits; at least 1. Default: 3.
    pub max_models: usize,
    /// From sending to the first byte of the answer. `None`: three times the 95th percentile of
    /// what this model has shown, within 10 s and 5 min; 90 s while unknown. Default: `None`.
    pub first_token_timeout: Option<Duration>,
    /// The most time between two pieces of an answer; reasoning and keep-alive comments count as
    /// life. Default: 60 s.
    pub idle_timeout: Duration,
    /// For name resolution, TCP and TLS together. Default: 10 s.
    pub connect_timeout: Duration,
    /// A `Retry-After` of at most this is waited out, once a visit. Default: 3 s.
    pub retry_after_wait: Duration,
    /// If no model can be asked now and one comes back within this, it is waited for.
    /// Default: 10 s.
    pub max_wait: Duration,
    /// How often a model may mend an answer that did not pass. Default: 1.
    pub repair_attempts: u32,
    /// What follows a refusal. Default: the next model.
    pub on_refusal: OnRefusal,
    /// A model that has not answered by then is left running, and the next one is asked beside it;
    /// the first valid answer wins. `None`: one model at a time. Default: `None`.
    pub hedge_after: Option<Duration>,
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            enabled: true,
            max_models: 3,
            first_token_timeout: None,
            idle_timeout: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(10),
            retry_after_wait: Duration::from_secs(3),
            max_wait: Duration::from_secs(10),
            repair_attempts: 1,
            on_refusal: OnRefusal::Next,
            hedge_after: None,
        }
    }
}

/// What follows when a model refuses to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnRefusal {
    /// The next model is asked.
    #[default]
    Next,
    /// The request ends with the provider's reason.
    Stop,
}

/// What all requests of one [`crate::Providers`] may spend together; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct BudgetLimits {
    /// US dollars. With it, a model without known prices is an error before any call.
    pub max_usd: Option<f64>,
    /// Input and output tokens together.
    pub max_tokens: Option<u64>,
    /// US dollars within a day (UTC), with those of other processes: see
    /// [`crate::Providers::spending`]. With it too, a model without known prices is an error.
    pub max_usd_per_day: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_endpoint_shows_no_secret() {
        let base_url = Url::parse("https://user:hunter2@api.example/v1?token=hunter3").unwrap();
        let endpoint = Endpoint {
            api_key: Some(Secret::new("sk-hunter4".into())),
            headers: BTreeMap::from([("api-key".to_owned(), "hunter5".to_owned())]),
            ..Endpoint::new(Kind::OpenAi, base_url)
        };
        let shown = format!("{endpoint:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("api.example"), "{shown}");
    }
}
