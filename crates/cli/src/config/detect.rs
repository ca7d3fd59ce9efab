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
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
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
    let given = vars.get("OLLAMA_HOST").map_or("", |host| host.trim().trim_matches(['"', '\'']));
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
    let bytes = tokio::time::timeout(LIMIT, body(client, url?)).await.ok()??;
    let listing: L = serde_json::from_slice(&bytes).ok()?;
    let is_name = |name: &String| name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    Some(listing.names().into_iter().filter(is_name).take(MAX_MODELS).collect())
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn vars(host: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("OLLAMA_HOST".to_owned(), host.to_owned())])
    }

    #[test]
    fn the_host_of_ollama_is_read_as_its_own_client_does() {
        for (host, url) in [
            ("", Some("http://127.0.0.1:11434/v1")),
            ("0.0.0.0", Some("http://127.0.0.1:11434/v1")),
            ("[::]:11434", Some("http://127.0.0.1:11434/v1")),
            (":8000", Some("http://127.0.0.1:8000/v1")),
            ("box.local", Some("http://box.local:11434/v1")),
            ("box.local:80", Some("http://box.local/v1")),
            ("http://box.local", Some("http://box.local/v1")),
            ("https://box.local/", Some("https://box.local/v1")),
            ("https://box.local:8443", Some("https://box.local:8443/v1")),
            ("[::1]", Some("http://[::1]:11434/v1")),
            ("\"127.0.0.1:5000\"", Some("http://127.0.0.1:5000/v1")),
            ("unix:///run/ollama.sock", None),
            ("a b", None),
        ] {
            let found = ollama_url(&vars(host)).map(String::from);
            assert_eq!(found.as_deref(), url, "{host:?}");
        }
        assert_eq!(
            ollama_url(&BTreeMap::new()).map(String::from).as_deref(),
            Some("http://127.0.0.1:11434/v1")
        );
    }

    /// A server that gives this answer to the first request, and holds the connection open.
    async fn server(answer: Vec<u8>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            std::future::pending::<()>().await;
        });
        url
    }

    fn with_body(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[tokio::test]
    async fn names_are_read_from_both_servers() {
        let ollama =
            server(with_body(r#"{"models": [{"name": "a:7b", "size": 3}, {"name": "b\u0007"}]}"#))
                .await;
        let llama_cpp = server(with_body(r#"{"object": "list", "data": [{"id": "c"}]}"#)).await;
        let found = probe(Some(ollama), Some(llama_cpp)).await;
        assert_eq!(found.ollama, Some(vec!["a:7b".to_owned()]));
        assert_eq!(found.llama_cpp, Some(vec!["c".to_owned()]));
    }

    #[tokio::test]
    async fn silence_nonsense_and_floods_are_nobody() {
        let flood = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n".to_vec(),
            vec![b' '; MAX_BYTES + 1],
        ]
        .concat();
        for answer in [
            Vec::new(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}".to_vec(),
            with_body("<html>"),
            with_body("{}"),
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
            flood,
        ] {
            let shown = String::from_utf8_lossy(&answer).chars().take(60).collect::<String>();
            let found = probe(Some(server(answer).await), None).await;
            assert_eq!(found, LocalServers::default(), "{shown:?}");
        }
    }

    #[tokio::test]
    async fn at_most_a_hundred_names_are_taken() {
        let names: Vec<String> = (0..500).map(|n| format!(r#"{{"name": "m{n}"}}"#)).collect();
        let body = format!(r#"{{"models": [{}]}}"#, names.join(","));
        let found = probe(Some(server(with_body(&body)).await), None).await;
        assert_eq!(found.ollama.map(|names| names.len()), Some(MAX_MODELS));
    }
}
