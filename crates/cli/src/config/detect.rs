//! Looks for model servers on this machine. It must cost nothing where there is none, so both are
//! asked at once, each with a short limit and a bound on what is read.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use url::Url;

use super::environment::LocalServers;

/// A server on this machine answers within this, or is taken for absent.
const LIMIT: Duration = Duration::from_millis(300);

/// A list of models is a few kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// The most names taken from one server.
const MAX_MODELS: usize = 100;

/// The longest name taken.
const MAX_NAME: usize = 200;

const OLLAMA_PORT: u16 = 11434;

/// Asks Ollama (where `OLLAMA_HOST` says, else 127.0.0.1:11434) and llama.cpp's server
/// (127.0.0.1:8080) for their models. Ends within about 300 ms; whatever goes wrong there means
/// that nobody answered. Dropping the future stops both requests.
pub(crate) async fn probe_local(vars: &BTreeMap<String, String>) -> LocalServers {
    let ollama = ollama_url(vars).and_then(|url| url.join("/api/tags").ok());
    let llama_cpp = Url::parse("http://127.0.0.1:8080/v1/models").ok();
    probe(ollama, llama_cpp).await
}

async fn probe(ollama: Option<Url>, llama_cpp: Option<Url>) -> LocalServers {
    // No proxy: what a proxy says about its own loopback is not about this machine.
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let Ok(client) = client else {
        return LocalServers::default();
    };
    let (ollama, llama_cpp) = tokio::join!(
        names::<OllamaModels>(&client, ollama),
        names::<ServedModels>(&client, llama_cpp),
    );
    LocalServers { ollama, llama_cpp }
}

/// The base of Ollama's OpenAI-compatible part, by the rules its own client has for `OLLAMA_HOST`:
/// scheme and port may be left out, and the address of all interfaces means this machine.
pub(super) fn ollama_url(vars: &BTreeMap<String, String>) -> Option<Url> {
    let given = vars
        .get("OLLAMA_HOST")
        .map_or("", |host| host.trim().trim_matches(['"', '\'']));
    let (scheme, rest) = match given.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(_) => return None,
        None => ("http", given),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let authority = if authority.is_empty() || authority.starts_with(':') {
        format!("127.0.0.1{authority}")
    } else {
        authority.to_owned()
    };
    let mut url = Url::parse(&format!("{scheme}://{authority}/v1")).ok()?;
    if !given.contains("://") && !has_port(&authority) {
        url.set_port(Some(OLLAMA_PORT)).ok()?;
    }
    if matches!(url.host_str(), Some("0.0.0.0" | "[::]")) {
        url.set_host(Some("127.0.0.1")).ok()?;
    }
    Some(url)
}

fn has_port(authority: &str) -> bool {
    authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
}

/// An answer that holds names of models.
trait Listing: for<'de> Deserialize<'de> {
    fn names(self) -> Vec<String>;
}

/// Ollama's `/api/tags`.
#[derive(Deserialize)]
struct OllamaModels {
    models: Vec<OllamaModel>,
}

#[derive(Deserialize)]
struct OllamaModel {
    name: String,
}

impl Listing for OllamaModels {
    fn names(self) -> Vec<String> {
        self.models.into_iter().map(|model| model.name).collect()
    }
}

/// An OpenAI-compatible `/v1/models`.
#[derive(Deserialize)]
struct ServedModels {
    data: Vec<ServedModel>,
}

#[derive(Deserialize)]
struct ServedModel {
    id: String,
}

impl Listing for ServedModels {
    fn names(self) -> Vec<String> {
        self.data.into_iter().map(|model| model.id).collect()
    }
}

async fn names<L: Listing>(client: &Client, url: Option<Url>) -> Option<Vec<String>> {
    let bytes = tokio::time::timeout(LIMIT, body(client, url?))
        .await
        .ok()??;
    let listing: L = serde_json::from_slice(&bytes).ok()?;
    let is_name = |name: &String| name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    Some(
        listing
            .names()
            .into_iter()
            .filter(is_name)
            .take(MAX_MODELS)
            .collect(),
    )
}

async fn body(client: &Client, url: Url) -> Option<Vec<u8>> {
    let mut response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}
