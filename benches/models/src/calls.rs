//! The ways to ask: directly, through a chain, through the peer's service.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use liter_llm::tower::{
    CircuitLayer, ExponentialBackoffCircuit, FallbackLayer, LlmRequest, LlmRequestKind, LlmService,
};
use liter_llm::{ClientConfig, DefaultClient};
use model_providers::{
    Chain, Endpoint, Kind, Message, MessageRole, ModelId, Providers, Request, Schema, Settings,
};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceExt};

use crate::server::Running;

/// What is the matter with the first model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Healthy,
    Refused,
    Open,
}

impl Setting {
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Refused, Self::Open];

    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Refused => "failover after a refused connection",
            Self::Open => "open breaker",
        }
    }
}

type Asked<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One way to ask; it fails loudly if there is no answer.
pub trait Call: Send + Sync {
    fn name(&self) -> &'static str;
    fn baseline(&self) -> &'static str;
    fn once(&self) -> Asked<'_>;
}

/// Nobody listens there, and the port is held for the process's life.
fn refusing() -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = socket.local_addr().expect("an address");
    std::mem::forget(socket);
    format!("http://{address}/v1")
}

/// Every way in one setting.
pub async fn of(setting: Setting, good: &Running, dead: &Running) -> Vec<Arc<dyn Call>> {
    let first = match setting {
        Setting::Healthy => None,
        Setting::Refused => Some(refusing()),
        Setting::Open => Some(dead.base_url()),
    };
    let good = good.base_url();
    // Over an open breaker the first model must not be called, so one direct call is the measure.
    let direct_first = first.clone().filter(|_| setting == Setting::Refused);
    let calls: Vec<Arc<dyn Call>> = vec![
        Arc::new(Direct::new("direct, stream", direct_first.clone(), &good, true)),
        Arc::new(Chained::new(setting, first.as_deref(), &good)),
        Arc::new(Direct::new("direct, plain", direct_first, &good, false)),
        Arc::new(Peer::new(setting, first.as_deref(), &good)),
    ];
    // Opens the breakers.
    for _ in 0..8 {
        for call in &calls {
            call.once().await;
        }
    }
    calls
}

struct Direct {
    name: &'static str,
    client: reqwest::Client,
    first: Option<String>,
    then: String,
    body: String,
}

impl Direct {
    fn new(name: &'static str, first: Option<String>, then: &str, stream: bool) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let path = |url: &str| format!("{url}/chat/completions");
        Self {
            name,
            client,
            first: first.as_deref().map(path),
            then: path(then),
            body: json!({"model": "m", "stream": stream, "messages": messages()}).to_string(),
        }
    }

    async fn post(&self, url: &str) -> Result<reqwest::Response, reqwest::Error> {
        let request = self.client.post(url).header("content-type", "application/json");
        request.header("authorization", "Bearer sk-bench").body(self.body.clone()).send().await
    }
}

impl Call for Direct {
    fn name(&self) -> &'static str {
        self.name
    }

    fn baseline(&self) -> &'static str {
        self.name
    }

    fn once(&self) -> Asked<'_> {
        Box::pin(async {
            if let Some(first) = &self.first {
                assert!(self.post(first).await.is_err());
            }
            let answer = self.post(&self.then).await.expect("an answer");
            let bytes = answer.bytes().await.expect("a body");
            assert!(bytes.len() > 200);
        })
    }
}

fn messages() -> Value {
    json!([{"role": "user", "content": "Is all well?"}])
}

struct Chained {
    chain: Chain,
    request: Request,
}

impl Chained {
    fn new(setting: Setting, first: Option<&str>, good: &str) -> Self {
        let mut settings = Settings::default();
        for (name, url) in first.map(|url| ("dead", url)).into_iter().chain([("good", good)]) {
            let mut endpoint = Endpoint::new(Kind::OpenAi, url.parse().expect("an address"));
            endpoint.api_key = Some(model_providers::Secret::new("sk-bench".to_owned()));
            settings.endpoints.insert(name.to_owned(), endpoint);
        }
        settings.breaker.enabled = setting == Setting::Open;
        settings.breaker.failure_threshold = 1;
        settings.breaker.reset_timeout = Duration::from_secs(3_600);
        settings.breaker.max_reset_timeout = Duration::from_secs(3_600);
        let providers = Providers::new(settings).expect("providers");
        let models = first.map(|_| "dead/m").into_iter().chain(["good/m"]);
        let models: Vec<ModelId> = models.map(|name| name.parse().expect("a model")).collect();
        let role = MessageRole::User;
        let request = Request {
            schema: Schema {
                name: "health".to_owned(),
                body: json!({"type": "object", "properties": {"ok": {"type": "boolean"}},
                    "required": ["ok"], "additionalProperties": false}),
            },
            prompt: Arc::new(vec![Message { role, content: "Is all well?".to_owned() }]),
            validate: None,
            stand_in: None,
        };
        Self { chain: providers.chain(&models, Duration::from_secs(60)).expect("a chain"), request }
    }
}

impl Call for Chained {
    fn name(&self) -> &'static str {
        "model-providers"
    }

    fn baseline(&self) -> &'static str {
        "direct, stream"
    }

    fn once(&self) -> Asked<'_> {
        Box::pin(async {
            let answer = self.chain.ask(&self.request, None, &CancellationToken::new(), &()).await;
            assert_eq!(answer.expect("an answer").value["ok"], true);
        })
    }
}

type Service1 = tower::util::BoxCloneSyncService<
    LlmRequest,
    liter_llm::tower::LlmResponse,
    liter_llm::LiterLlmError,
>;

struct Peer {
    service: Service1,
    request: LlmRequest,
}

impl Peer {
    fn new(setting: Setting, first: Option<&str>, good: &str) -> Self {
        let client = |url: &str| {
            let mut config = ClientConfig::new("sk-bench");
            config.base_url = Some(url.to_owned());
            config.max_retries = 0;
            LlmService::new(DefaultClient::new(config, Some("openai/m")).expect("a client"))
        };
        let service = match (setting, first) {
            (Setting::Refused, Some(first)) => {
                Service1::new(FallbackLayer::new(client(good)).layer(client(first)))
            }
            (Setting::Open, Some(first)) => {
                let policy = ExponentialBackoffCircuit::new(1, Duration::from_secs(3_600));
                let circuit = CircuitLayer::new(Arc::new(policy), "dead").layer(client(first));
                Service1::new(FallbackLayer::new(client(good)).layer(circuit))
            }
            _ => Service1::new(client(good)),
        };
        let chat = json!({"model": "openai/m", "messages": messages()});
        let chat = serde_json::from_value(chat).expect("a request");
        let kind = LlmRequestKind::Chat(chat);
        Self { service, request: LlmRequest { kind, tenant_id: None, idempotency_key: None } }
    }
}

impl Call for Peer {
    fn name(&self) -> &'static str {
        "liter-llm"
    }

    fn baseline(&self) -> &'static str {
        "direct, plain"
    }

    fn once(&self) -> Asked<'_> {
        Box::pin(async {
            let mut service = self.service.clone();
            let ready = service.ready().await.expect("a service");
            ready.call(self.request.clone()).await.expect("an answer");
        })
    }
}
