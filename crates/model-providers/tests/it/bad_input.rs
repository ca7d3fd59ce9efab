//! What a hostile or broken server sends: each a classified failure within bounds, then the next
//! model.

use std::sync::Arc;
use std::time::Duration;

use model_providers::{Providers, Settings};
use simulated_models::{Fault, ModelScript, Script, Server};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};

use crate::bench::{BOTH, KEY, ask, attempts, by, classes, two};

const SOON: Duration = Duration::from_secs(20);

async fn serving(primary: Fault) -> Server {
    let script = Script::with_model("primary", ModelScript::failing(primary));
    Server::start(script).await.unwrap()
}

/// The class that the primary's tries get, before the fallback answers.
async fn class_of(settings: Settings) -> (String, String) {
    let providers = Providers::new(settings).unwrap();
    let outcome = timeout(SOON, ask(&providers, &BOTH)).await.unwrap();
    assert_eq!(by(&outcome), "b/second");
    let first = &attempts(&outcome)[0];
    (classes(&outcome).swap_remove(0), first.message.clone().unwrap_or_default())
}

async fn class_with(fault: Fault) -> (String, String) {
    let server = serving(fault).await;
    let mut settings = two(&server.base_url(), &server.base_url());
    settings.max_response_bytes = 1 << 20;
    let class = class_of(settings).await;
    server.stop().await;
    class
}

#[tokio::test]
async fn an_unreachable_host_is_unavailable() {
    let server = Server::start(Script::default()).await.unwrap();
    // The network has no way to it, and it is on this machine all the same.
    let settings = two("http://127.255.255.255:9/v1", &server.base_url());
    let (class, message) = class_of(settings).await;
    assert_eq!(class, "unavailable", "{message}");
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_unavailable_and_nothing_is_sent() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepting = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that trusts nobody breaks the handshake off.
            assert!(acceptor.accept(stream).await.is_err());
        }
    });
    let server = Server::start(Script::default()).await.unwrap();
    let (class, message) = class_of(two(&base_url, &server.base_url())).await;
    assert_eq!(class, "unavailable", "{message}");
    assert!(message.contains("certificate"), "{message}");
    assert!(!accepting.is_finished(), "no handshake was completed");
    accepting.abort();
    server.stop().await;
}

#[tokio::test]
async fn a_compressed_bomb_is_not_unpacked() {
    let (class, message) = class_with(Fault::Compressed).await;
    assert_eq!(class, "unavailable");
    assert_eq!(message, "the answer is compressed unasked (gzip)");
}

#[tokio::test]
async fn an_endless_answer_is_given_up_at_its_bound() {
    let server = serving(Fault::Endless).await;
    let mut settings = two(&server.base_url(), &server.base_url());
    settings.max_response_bytes = 1 << 20;
    let (class, message) = class_of(settings).await;
    assert_eq!(class, "invalid_output");
    assert_eq!(message, "the answer is larger than 1048576 bytes");
    timeout(SOON, server.wait_for_ended(2)).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_and_the_key_stays() {
    let elsewhere = Server::start(Script::default()).await.unwrap();
    let to = elsewhere.base_url().trim_end_matches("/v1").to_owned();
    let (class, message) = class_with(Fault::Redirect { to }).await;
    assert_eq!(class, "invalid_request");
    assert!(message.contains("redirects are not followed") && !message.contains(KEY), "{message}");
    assert_eq!(elsewhere.request_count(), 0);
    elsewhere.stop().await;
}

#[tokio::test]
async fn invalid_utf8_is_unavailable() {
    let (class, message) = class_with(Fault::InvalidUtf8).await;
    assert_eq!(
        (class.as_str(), message.as_str()),
        ("unavailable", "the answer holds bytes that are no UTF-8")
    );
}

#[tokio::test]
async fn deep_json_is_unavailable() {
    let (class, message) = class_with(Fault::DeepJson).await;
    assert_eq!(class, "unavailable", "{message}");
}
