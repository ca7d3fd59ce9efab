//! One bounded question to each provider: the list of its models. It costs
//! nothing there, and tells a wrong address, a refused key and an outage apart.
//!
//! Answers and errors are others' words: bounded, and without the address's
//! query, which may hold a key.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use model_providers::Kind;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::task::JoinSet;
use url::{Host, Url};

use super::{Check, Patient};
use crate::config::{Config, Provider, Role};

/// Until the connection stands.
const CONNECT: Duration = Duration::from_secs(3);
/// For the whole of it.
const TOTAL: Duration = Duration::from_secs(5);
/// A longer list of models is not looked through.
const MOST_BYTES: usize = 4 << 20;
/// Names of models that a line repeats.
const MOST_NAMES: usize = 5;
/// Variables that send requests elsewhere first.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// One provider to be asked.
struct Asked {
    name: String,
    provider: Provider,
    /// Of the chains.
    models: Vec<String>,
    has_proxy: bool,
}

/// Asks every provider that has what it needs, all at once.
pub(super) async fn checks(config: &Config, patient: &Patient) -> Vec<Check> {
    if patient.offline {
        return vec![Check::ok("endpoints", "not asked (--offline)")];
    }
    let has_proxy = PROXIES.iter().any(|name| patient.surroundings.var(name).is_some());
    let usable = config.providers.iter().filter(|(_, provider)| provider.is_usable());
    let usable = usable.filter(|(_, provider)| provider.endpoint.program.is_none());
    let mut asking = JoinSet::new();
    for (name, provider) in usable {
        let asked = Asked {
            name: name.clone(),
            provider: provider.clone(),
            models: models_of(config, name),
            has_proxy,
        };
        asking.spawn(async move { asked.check().await });
    }
    let mut checks = asking.join_all().await;
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    checks
}

fn models_of(config: &Config, provider: &str) -> Vec<String> {
    let all = Role::ALL.into_iter().flat_map(|role| config.chain(role));
    let mut names: Vec<String> =
        all.filter(|model| model.provider == provider).map(|model| model.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

impl Asked {
    async fn check(&self) -> Check {
        let name = format!("endpoint {}", self.name);
        match self.ask().await {
            Ok((status, body)) => self.judge(&name, status, body.as_deref()),
            Err(Broken { said, mend }) => Check::fail(&name, said, mend),
        }
    }

    /// The status, and the body unless it is too long or broke off.
    async fn ask(&self) -> Result<(StatusCode, Option<Vec<u8>>), Broken> {
        let endpoint = &self.provider.endpoint;
        let builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .user_agent(concat!("belay/", env!("CARGO_PKG_VERSION")));
        // The system's proxy stands elsewhere and cannot reach this machine.
        let builder =
            if is_on_this_machine(&endpoint.base_url) { builder.no_proxy() } else { builder };
        let request = builder.build().map(|client| client.get(self.url()).headers(self.headers()));
        let request = request.map_err(|error| self.broken(error))?;
        let mut response = request.send().await.map_err(|error| self.broken(error))?;
        let status = response.status();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok((status, Some(body))),
                Ok(Some(chunk)) if body.len() + chunk.len() <= MOST_BYTES => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) | Err(_) => return Ok((status, None)),
            }
        }
    }

    fn url(&self) -> Url {
        let endpoint = &self.provider.endpoint;
        let mut url = endpoint.base_url.clone();
        let has_version = url.path().trim_end_matches('/').ends_with("/v1");
        let anthropic = endpoint.kind == Kind::Anthropic;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if anthropic && !has_version {
                path.push("v1");
            }
            path.push("models");
        }
        if anthropic {
            url.query_pairs_mut().append_pair("limit", "1000");
        }
        url
    }

    fn headers(&self) -> HeaderMap {
        let endpoint = &self.provider.endpoint;
        let key = endpoint.api_key.as_ref().map(|key| key.expose().to_owned());
        let own = match endpoint.kind {
            Kind::OpenAi | Kind::Command => {
                vec![("authorization", key.map(|key| format!("Bearer {key}")))]
            }
            Kind::Anthropic => {
                vec![("x-api-key", key), ("anthropic-version", Some("2023-06-01".to_owned()))]
            }
        };
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let given = endpoint.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        let header = |(name, value): (String, String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        // Of two with one name the later counts: the config's.
        let mut headers = HeaderMap::new();
        for (name, value) in own.chain(given).filter_map(header) {
            headers.insert(name, value);
        }
        headers
    }

    fn judge(&self, name: &str, status: StatusCode, body: Option<&[u8]>) -> Check {
        let at = place(&self.provider.endpoint.base_url);
        let of = &self.name;
        match status.as_u16() {
            200..=299 => self.listed(name, &at, body),
            401 | 403 => {
                let said = format!("{at} refuses the key ({status})");
                let mend = self.provider.key_variable.as_ref().map_or_else(
                    || format!("name the variable of a key as providers.{of}.api_key_env"),
                    |variable| format!("put a key that is valid there into {variable}"),
                );
                Check::fail(name, said, mend)
            }
            429 => {
                let said = format!("{at} answers, but takes no requests for now ({status})");
                Check::warn(name, said, "wait, or see to the quota of the account")
            }
            500.. => {
                let said = format!("{at} is in trouble ({status})");
                Check::fail(name, said, "wait; runs ask the next model of the chain meanwhile")
            }
            _ => {
                let said = format!("{at} answers, but has no list of models ({status})");
                let mend = format!(
                    "see whether providers.{of}.base_url is what the provider says, as a rule with /v1 at its end"
                );
                Check::warn(name, said, mend)
            }
        }
    }

    /// An answer may still not know a model of the chains.
    fn listed(&self, name: &str, at: &str, body: Option<&[u8]>) -> Check {
        let listing = body.and_then(|body| serde_json::from_slice::<Listing>(body).ok());
        let listing = listing.filter(|listing| !listing.data.is_empty() && !listing.has_more);
        let lacking: Vec<&str> = listing.iter().flat_map(|listing| self.lacking(listing)).collect();
        if lacking.is_empty() {
            return Check::ok(name, format!("{at} answers"));
        }
        let more = lacking.len().saturating_sub(MOST_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let names = lacking.get(..MOST_NAMES).unwrap_or(&lacking).join(", ");
        let said = format!("{at} answers, but does not list {names}{more}");
        Check::warn(name, said, "see whether the names in the chains are the provider's own")
    }

    fn lacking<'a>(&'a self, listing: &Listing) -> Vec<&'a str> {
        let is = |listed: &str, name: &str| {
            // Ollama has tags, Gemini puts a folder before its names.
            listed == name
                || listed.strip_suffix(":latest") == Some(name)
                || listed.strip_prefix("models/") == Some(name)
        };
        let known = |name: &str| listing.data.iter().any(|model| is(&model.id, name));
        self.models.iter().map(String::as_str).filter(|name| !known(name)).collect()
    }

    fn broken(&self, error: reqwest::Error) -> Broken {
        let url = &self.provider.endpoint.base_url;
        let at = place(url);
        let error = error.without_url();
        let said = if error.is_timeout() && error.is_connect() {
            format!("no connection to {at} within {} s", CONNECT.as_secs())
        } else if error.is_timeout() {
            format!("{at} does not answer within {} s", TOTAL.as_secs())
        } else {
            words(&error, &at, url)
        };
        let mut mend = format!(
            "see whether the server runs and providers.{}.base_url is right; --offline asks nobody",
            self.name
        );
        if self.has_proxy && !is_on_this_machine(url) {
            mend.push_str("; requests go through the proxy that the environment names");
        }
        Broken { said, mend }
    }
}

/// Why there is no answer, and what to do.
struct Broken {
    said: String,
    mend: String,
}

/// An answer's list of models, as both languages have it.
#[derive(Deserialize)]
struct Listing {
    data: Vec<Model>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// What the client says of a lost connection, in our words where we have some.
fn words(error: &reqwest::Error, at: &str, url: &Url) -> String {
    let mut innermost = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return format!("nobody listens at {at} (connection refused)");
        }
        innermost = inner.to_string();
        if innermost == "dns error" {
            let host = url.host_str().unwrap_or_default();
            return format!("the name {host} cannot be resolved (DNS)");
        }
        cause = inner.source();
    }
    let innermost: String = innermost.chars().take(200).collect();
    format!("{at} cannot be asked: {innermost}")
}

/// The address without what may be secret.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'))
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
