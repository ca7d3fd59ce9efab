//! Bytes out, bytes in: the only place that touches the network.
//!
//! Behind a trait, so that the chain is tested under a paused clock without sockets, where a
//! minute of silence takes no time. What the client must never do is decided here: it follows no
//! redirect, so a key never travels to another host, and it asks for no compression, so a small
//! answer cannot grow into a large one.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::Error;

/// A request as it goes out; always a POST.
pub(crate) struct Call {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What came back, as far as its headers; the body arrives piece by piece.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BoxStream<'static, Result<Vec<u8>, Broken>>,
}

/// How a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nobody listens there.
    Refused,
    /// No connection within its time.
    ConnectTimeout,
    /// Name resolution, TLS, reset, a body that ends early: the client's own words, which hold
    /// no secret but perhaps the URL.
    Lost(String),
}

/// Sends one request.
#[async_trait]
pub(crate) trait Transport: Send + Sync {
    /// Ends with the headers. Dropping it gives the request up.
    async fn send(&self, call: Call) -> Result<Reply, Broken>;
}

/// The real network. Only the clients that the endpoints need are made: one for other machines
/// reads the system's certificates, which takes longer than anything else at a start.
pub(crate) struct Http {
    /// For other machines.
    client: Option<reqwest::Client>,
    /// For servers on this machine: the system's proxy stands elsewhere and cannot reach them.
    direct: Option<reqwest::Client>,
}

impl Http {
    /// For these endpoints and no others.
    pub(crate) fn new<'a>(
        endpoints: impl Iterator<Item = &'a Url>,
        connect_timeout: Duration,
    ) -> Result<Self, Error> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .connect_timeout(connect_timeout)
                .user_agent(concat!("belay/", env!("CARGO_PKG_VERSION")))
        };
        let (here, elsewhere): (Vec<&Url>, Vec<&Url>) =
            endpoints.partition(|url| is_on_this_machine(url));
        let made = |builder: reqwest::ClientBuilder| builder.build().map_err(Error::Client);
        let client = (!elsewhere.is_empty()).then(|| made(builder())).transpose()?;
        let direct = if here.iter().any(|url| url.scheme() == "https") {
            Some(made(builder().no_proxy())?)
        } else if here.is_empty() {
            None
        } else {
            // Without encryption no certificate is looked at. It stays without: no redirect leads
            // away, and each request goes to the endpoint's own scheme.
            Some(made(builder().no_proxy().tls_certs_only([]))?)
        };
        Ok(Self { client, direct })
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, Broken> {
        let client = if is_on_this_machine(url) { &self.direct } else { &self.client };
        client.as_ref().ok_or_else(|| Broken::Lost("not an endpoint of the settings".to_owned()))
    }
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, call: Call) -> Result<Reply, Broken> {
        let request = self.client_for(&call.url)?.post(call.url).headers(call.headers);
        let response = request.body(call.body).send().await;
        let response = response.map_err(broken)?;
        Ok(Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response
                .bytes_stream()
                .map(|piece| piece.map(|bytes| bytes.to_vec()).map_err(broken))
                .boxed(),
        })
    }
}

fn broken(error: reqwest::Error) -> Broken {
    let error = error.without_url();
    if error.is_connect() && error.is_timeout() {
        return Broken::ConnectTimeout;
    }
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<io::Error>();
        if error.is_connect() && io.is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
            return Broken::Refused;
        }
        let words = inner.to_string();
        if !said.contains(&words) {
            said = format!("{said}: {words}");
        }
        cause = inner.source();
    }
    Broken::Lost(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clients_that_the_endpoints_need_are_made() {
        let made = |urls: &[&str]| {
            let urls: Vec<Url> = urls.iter().map(|url| url.parse().unwrap()).collect();
            let http = Http::new(urls.iter(), Duration::from_secs(1)).unwrap();
            (http.client.is_some(), http.direct.is_some())
        };
        assert_eq!(made(&[]), (false, false));
        assert_eq!(made(&["http://127.0.0.1:1/v1", "http://localhost/v1"]), (false, true));
        assert_eq!(made(&["https://localhost/v1"]), (false, true));
        assert_eq!(made(&["https://example.org/v1"]), (true, false));
        assert_eq!(made(&["http://example.org/v1", "http://[::1]/v1"]), (true, true));
    }

    #[test]
    fn a_proxy_is_for_other_machines() {
        let is = |url: &str| is_on_this_machine(&url.parse().unwrap());
        for url in [
            "http://127.0.0.1:1/v1",
            "http://localhost/v1",
            "http://[::1]:8080/v1",
            "http://a.localhost",
        ] {
            assert!(is(url), "{url}");
        }
        for url in [
            "https://example.org/v1",
            "http://10.0.0.1/v1",
            "http://localhost.example.org",
            "http://[::2]/",
        ] {
            assert!(!is(url), "{url}");
        }
    }
}
