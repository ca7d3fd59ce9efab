//! A network that follows a script, under a clock that a test can hold.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::transport::{Broken, Call, Reply, Transport};
use crate::{
    Answer, Endpoint, Event, Facts, Kind, Message, MessageRole, ModelId, Observer, Providers,
    Request, Schema, Secret, Settings, Unanswered,
};

/// What a model does with one request.
#[derive(Clone)]
pub(super) enum Does {
    /// Streams `{"ok": true}`.
    Answers,
    /// Streams this text and a finish reason.
    Says(&'static str),
    Status(u16, &'static str),
    /// Streams `{"ok": true}` with these headers.
    Tells(Vec<(&'static str, &'static str)>),
    /// 429 with this `Retry-After`.
    Limited(u64),
    Breaks(Broken),
    /// No headers, ever.
    Hangs,
    /// Pieces of a stream, each after its pause; then the end, or silence for ever.
    Streams(Vec<(Duration, String)>, bool),
}

pub(super) fn chunk(text: &str) -> String {
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

pub(super) fn finish(reason: &str) -> String {
    let chunk = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    format!("data: {chunk}\n\n")
}

const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";

/// The scripts by model, the last step of each repeated; and what was asked.
#[derive(Default)]
pub(super) struct Scripted {
    steps: Mutex<BTreeMap<String, VecDeque<Does>>>,
    asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, call: Call) -> Result<Reply, Broken> {
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        let model = body["model"].as_str().unwrap().to_owned();
        self.asked.lock().unwrap().push(body);
        let step = {
            let mut steps = self.steps.lock().unwrap();
            let queue = steps.entry(model).or_default();
            let next = queue.front().cloned().unwrap_or(Does::Answers);
            if queue.len() > 1 {
                queue.pop_front();
            }
            next
        };
        reply(step).await
    }
}

async fn reply(step: Does) -> Result<Reply, Broken> {
    let mut headers = HeaderMap::new();
    let (status, pieces, then_hangs) = match step {
        Does::Answers => (200, whole("{\"ok\": true}"), false),
        Does::Tells(told) => {
            headers.extend(told.into_iter().map(|(name, value)| {
                (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
            }));
            (200, whole("{\"ok\": true}"), false)
        }
        Does::Says(text) => (200, whole(text), false),
        Does::Streams(pieces, then_hangs) => (200, pieces, then_hangs),
        Does::Status(status, body) => (status, vec![(Duration::ZERO, body.to_owned())], false),
        Does::Limited(seconds) => {
            headers.insert("retry-after", seconds.into());
            (429, Vec::new(), false)
        }
        Does::Breaks(broken) => return Err(broken),
        Does::Hangs => std::future::pending().await,
    };
    headers.insert("content-type", "text/event-stream".parse().unwrap());
    // Costs no time: every test of the chain is `start_paused`.
    let pieces = stream::iter(pieces).then(|(pause, text)| async move {
        sleep(pause).await;
        Ok(text.into_bytes())
    });
    let body = match then_hangs {
        true => pieces.chain(stream::pending()).boxed(),
        false => pieces.boxed(),
    };
    Ok(Reply { status, headers, body })
}

fn whole(text: &str) -> Vec<(Duration, String)> {
    let pieces = [chunk(text), finish("stop"), USAGE.to_owned()];
    pieces.map(|piece| (Duration::ZERO, piece)).to_vec()
}

/// Keeps every event.
#[derive(Default)]
pub(super) struct Seen(Mutex<Vec<Event>>);

impl Observer for Seen {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Seen {
    pub(super) fn names(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        let name = |event: &Event| {
            let shown = format!("{event:?}");
            shown.split_once(' ').map_or(shown.clone(), |(name, _)| name.to_owned())
        };
        events.iter().map(name).collect()
    }

    pub(super) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

/// Three providers `a`, `b`, `c`, each with a key of its own, over a scripted network.
pub(super) struct Bench {
    pub(super) providers: Arc<Providers>,
    pub(super) network: Arc<Scripted>,
    pub(super) seen: Seen,
    pub(super) cancel: CancellationToken,
    pub(super) timeout: Duration,
    pub(super) deadline: Option<Duration>,
    began: Instant,
}

pub(super) fn model(text: &str) -> ModelId {
    text.parse().unwrap()
}

pub(super) fn settings() -> Settings {
    let mut settings = Settings::default();
    for name in ["a", "b", "c"] {
        let endpoint = Endpoint {
            api_key: Some(Secret::new(format!("sk-{name}-secret"))),
            ..Endpoint::new(Kind::OpenAi, format!("https://{name}.example/v1").parse().unwrap())
        };
        settings.endpoints.insert(name.to_owned(), endpoint);
    }
    settings
}

pub(super) fn request() -> Request {
    let content = "Is all well?".to_owned();
    let role = MessageRole::User;
    Request {
        schema: Schema {
            name: "health".to_owned(),
            body: json!({"type": "object", "properties": {"ok": {"type": "boolean"}},
                "required": ["ok"], "additionalProperties": false}),
        },
        prompt: Arc::new(vec![Message { role, content }]),
        validate: None,
        stand_in: None,
        workplace: None,
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is the test's own")]
    pub(super) fn with(settings: Settings) -> Self {
        let network = Arc::new(Scripted::default());
        Self {
            providers: Providers::over(settings, network.clone()).unwrap(),
            network,
            seen: Seen::default(),
            cancel: CancellationToken::new(),
            timeout: Duration::from_mins(2),
            deadline: None,
            began: Instant::now(),
        }
    }

    pub(super) fn facts(name: &str, facts: Facts) -> Self {
        let mut settings = settings();
        settings.models.insert(model(name), facts);
        Self::with(settings)
    }

    /// The model's name without its provider, and what it does.
    pub(super) fn script(&self, name: &str, steps: impl IntoIterator<Item = Does>) -> &Self {
        let mut scripts = self.network.steps.lock().unwrap();
        scripts.insert(name.to_owned(), steps.into_iter().collect());
        self
    }

    pub(super) async fn ask(&self, models: &[&str]) -> Result<Answer, Unanswered> {
        self.ask_for(&request(), models).await
    }

    pub(super) async fn ask_for(
        &self,
        request: &Request,
        models: &[&str],
    ) -> Result<Answer, Unanswered> {
        let models: Vec<ModelId> = models.iter().map(|name| model(name)).collect();
        let chain = self.providers.chain(&models, self.timeout).unwrap();
        let deadline = self.deadline.map(|span| self.began + span);
        chain.ask(request, deadline, &self.cancel, &self.seen).await
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The bodies sent so far.
    pub(super) fn asked(&self) -> Vec<Value> {
        self.network.asked.lock().unwrap().clone()
    }

    /// Which models were sent a request, in order.
    pub(super) fn order(&self) -> Vec<String> {
        let asked = self.asked();
        let name = |body: &Value| body["model"].as_str().unwrap().to_owned();
        asked.iter().map(name).collect()
    }

    pub(super) fn state(&self, name: &str) -> String {
        self.providers.health(&model(name)).status.to_string()
    }
}

/// The classes of the attempts, `ok` for a success.
pub(super) fn classes(outcome: &Result<Answer, Unanswered>) -> Vec<String> {
    let attempts = match outcome {
        Ok(answer) => &answer.attempts,
        Err(unanswered) => &unanswered.attempts,
    };
    let class = |attempt: &crate::Attempt| attempt.class.map_or("ok".into(), |c| c.to_string());
    attempts.iter().map(class).collect()
}

/// The model that answered.
pub(super) fn by(outcome: &Result<Answer, Unanswered>) -> Option<String> {
    let model = outcome.as_ref().ok()?.model.as_ref();
    model.map(ToString::to_string)
}
