//! `--probe`: one small question to each model of the chains. The list of a server's models says
//! nothing of whether a model answers, and a program has no such list.
//!
//! It goes beside the breakers and rests of runs: neither is anybody held off by them, nor do they
//! learn of it, so that looking changes nothing. What it costs is told and not counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use model_providers::{
    Attempt, BudgetLimits, Class, Message, MessageRole, ModelId, Providers, Request, Schema,
};
use orchestrator::Shutdown;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Check, Patient};
use crate::config::Role;
use crate::error::CommandError;
use crate::signals;

/// A model that thinks, in a program that starts slowly, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);
/// Of a server's or program's message.
const SHOWN: usize = 200;

/// The providers side by side, the models of each one after the other: a server on this machine
/// loads one at a time, and a limit is met no sooner than in a run.
pub(super) async fn checks(patient: &Patient) -> Result<Vec<Check>, CommandError> {
    let Some(config) = &patient.config else {
        return Ok(Vec::new());
    };
    let mut by_provider: BTreeMap<String, Vec<ModelId>> = BTreeMap::new();
    for model in Role::ALL.iter().flat_map(|role| config.chain(*role)) {
        let models = by_provider.entry(model.provider.clone()).or_default();
        if !models.contains(model) {
            models.push(model.clone());
        }
    }
    let mut settings = config.provider_settings(&patient.top);
    settings.budget = BudgetLimits::default();
    settings.breaker.enabled = false;
    settings.failover.repair_attempts = 0;
    settings.failover.max_wait = Duration::ZERO;
    settings.failover.retry_after_wait = Duration::ZERO;
    settings.failover.hedge_after = None;
    let providers = Providers::new(settings).context("the models cannot be asked")?;
    let shutdown = Shutdown::new();
    signals::watch(&shutdown, &patient.printer)?;
    let mut asking = JoinSet::new();
    for models in by_provider.into_values() {
        let (providers, cancel) = (Arc::clone(&providers), shutdown.token().clone());
        asking.spawn(async move {
            let mut checks = Vec::new();
            for model in models {
                // Each for itself: what one of them learned of their key is not what was asked.
                providers.reset_breakers(None);
                checks.push(probe(&providers, &model, &cancel).await);
            }
            checks
        });
    }
    let mut checks = asking.join_all().await.concat();
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(checks)
}

async fn probe(providers: &Arc<Providers>, model: &ModelId, cancel: &CancellationToken) -> Check {
    let name = format!("probe {model}");
    let chain = match providers.chain(std::slice::from_ref(model), LIMIT) {
        Ok(chain) => chain,
        Err(error) => return Check::fail(&name, error.to_string(), "correct the config"),
    };
    let outcome = chain.ask(&question(), None, cancel, &()).await;
    let (attempts, reason) = match outcome {
        Ok(answer) => (answer.attempts, String::new()),
        Err(unanswered) => {
            let reason = unanswered.to_string();
            (unanswered.attempts, reason)
        }
    };
    // The answer, or else the first cause: what a second try dies of says less.
    let answered = attempts.iter().find(|attempt| attempt.class.is_none());
    match answered.or(attempts.first()) {
        Some(attempt) => judge(&name, attempt),
        None => Check::fail(&name, reason, "try again"),
    }
}

fn question() -> Request {
    let content = "What is two and three? Answer with the number alone, as `sum`.".to_owned();
    Request {
        schema: Schema {
            name: "sum".to_owned(),
            body: json!({
                "type": "object",
                "properties": { "sum": { "type": "integer" } },
                "required": ["sum"],
                "additionalProperties": false,
            }),
        },
        prompt: Arc::new(vec![Message { role: MessageRole::User, content }]),
        validate: None,
        stand_in: None,
        workplace: None,
    }
}

fn judge(name: &str, attempt: &Attempt) -> Check {
    let used = attempt.tokens.map(|tokens| format!(", {} tokens", tokens.total()));
    let cost = attempt.usd.map(|usd| format!(", {usd:.4} USD"));
    let seconds = attempt.latency.as_secs_f64();
    let facts =
        format!("in {seconds:.1} s{}{}", used.unwrap_or_default(), cost.unwrap_or_default());
    let Some(class) = attempt.class else {
        return Check::ok(name, format!("answers {facts}"));
    };
    let said: String = attempt.message.iter().flat_map(|said| said.chars()).take(SHOWN).collect();
    let message = format!("{class} {facts}: {said}");
    let mend = match class {
        Class::RateLimited | Class::QuotaExhausted => {
            return Check::warn(name, message, "wait for its reset, or ask with another account");
        }
        Class::Auth => "log in again, or put another key into its variable",
        Class::Timeout => {
            "see whether it works by itself; a local model may need more time to load"
        }
        Class::InvalidRequest => "see that the model's name is right and its provider has it",
        Class::InvalidOutput => "it answers, but not with what was asked: choose another model",
        _ => "see whether it works by itself, and what it says",
    };
    Check::fail(name, message, mend)
}
