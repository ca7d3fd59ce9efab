//! One provider at a local address, one schema, short waits.

use std::sync::Arc;
use std::time::Duration;

use model_providers::{
    Answer, Attempt, Endpoint, Kind, Message, MessageRole, ModelId, Providers, Request, Schema,
    Secret, Settings, Unanswered,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

pub(crate) const KEY: &str = "sk-a-planted-key";

/// Each fault shows by itself: no repair, no waiting for limits. Spans are long enough for a busy
/// machine; a test of a timer shortens its own.
pub(crate) fn settings(base_url: &str, kind: Kind) -> Settings {
    let mut settings = Settings::default();
    let endpoint = Endpoint {
        api_key: Some(Secret::new(KEY.to_owned())),
        ..Endpoint::new(kind, base_url.parse().unwrap())
    };
    settings.endpoints.insert("sim".to_owned(), endpoint);
    settings.failover.repair_attempts = 0;
    settings.failover.max_wait = Duration::ZERO;
    settings
}

pub(crate) fn request() -> Request {
    let content = "What is to be done?".to_owned();
    let role = MessageRole::User;
    Request {
        schema: Schema {
            name: "analysis".to_owned(),
            body: json!({"type": "object", "required": ["understanding"],
                "properties": {"understanding": {"type": "string"}}}),
        },
        prompt: Arc::new(vec![Message { role, content }]),
        validate: None,
        stand_in: None,
        workplace: None,
    }
}

/// Two providers with a key each, `a` and `b`, at two addresses; their models are `a/primary` and
/// `b/second`.
pub(crate) fn two(first: &str, second: &str) -> Settings {
    let mut settings = settings(first, Kind::OpenAi);
    let first = settings.endpoints.remove("sim").unwrap();
    let second = Endpoint {
        base_url: second.parse().unwrap(),
        api_key: Some(Secret::new("sk-b-another-key".to_owned())),
        ..first.clone()
    };
    settings.endpoints.extend([("a".to_owned(), first), ("b".to_owned(), second)]);
    settings
}

/// The primary and its fallback.
pub(crate) const BOTH: [&str; 2] = ["a/primary", "b/second"];

/// The model that answered.
pub(crate) fn by(outcome: &Result<Answer, Unanswered>) -> String {
    outcome.as_ref().unwrap().model.as_ref().unwrap().to_string()
}

pub(crate) async fn ask(providers: &Arc<Providers>, models: &[&str]) -> Result<Answer, Unanswered> {
    let models: Vec<ModelId> = models.iter().map(|name| name.parse().unwrap()).collect();
    let chain = providers.chain(&models, Duration::from_mins(2)).unwrap();
    let cancel = CancellationToken::new();
    chain.ask(&request(), None, &cancel, &()).await
}

pub(crate) fn attempts(outcome: &Result<Answer, Unanswered>) -> &[Attempt] {
    match outcome {
        Ok(answer) => &answer.attempts,
        Err(unanswered) => &unanswered.attempts,
    }
}

/// The classes of the attempts, `ok` for a success.
pub(crate) fn classes(outcome: &Result<Answer, Unanswered>) -> Vec<String> {
    let class = |attempt: &Attempt| attempt.class.map_or("ok".into(), |c| c.to_string());
    attempts(outcome).iter().map(class).collect()
}
