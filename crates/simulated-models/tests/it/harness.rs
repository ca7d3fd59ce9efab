//! Requests, raw connections and a limit for every wait, for all tests of this crate.
#![expect(clippy::expect_used, clippy::panic, reason = "test code outside of test functions")]
use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use simulated_models::{Fault, Script, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A wait that takes this long has failed.
pub(crate) async fn soon<F: Future>(work: F) -> F::Output {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, work).await.expect("comes soon")
}

pub(crate) async fn start(script: Script) -> Server {
    Server::start(script).await.expect("starts")
}

pub(crate) async fn failing(fault: Fault) -> Server {
    let model = simulated_models::ModelScript::failing(fault);
    start(Script::with_model("m", model)).await
}

/// A client that no proxy of the surroundings can come between.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.build().expect("builds")
}

pub(crate) fn chat_url(server: &Server) -> String {
    format!("{}/chat/completions", server.base_url())
}

pub(crate) async fn get(server: &Server, path: &str) -> (u16, Value) {
    let root = server.base_url().trim_end_matches("/v1").to_owned();
    let sent = client().get(format!("{root}{path}")).send();
    let answer = soon(sent).await.expect("answers");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("is JSON"))
}

pub(crate) fn request(model: &str, schema: &str, streamed: bool) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [{"role": "user", "content": "Please answer in JSON."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": schema, "schema": {}}},
    });
    if streamed {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// How a connection ended, as its client sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
}

/// A connection without an HTTP library.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(server: &Server) -> Self {
        let url = server.base_url();
        let address = url.trim_start_matches("http://").trim_end_matches("/v1");
        Self(soon(TcpStream::connect(address)).await.expect("connects"))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        soon(self.0.write_all(bytes)).await.expect("sends");
    }

    /// Asks model `m` for a plan and leaves closing to the server.
    pub(crate) async fn ask(&mut self, streamed: bool, connection: &str) {
        let body = request("m", "plan", streamed).to_string();
        self.send(post(&body, connection).as_bytes()).await;
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        soon(self.0.shutdown()).await.expect("finishes");
    }

    /// Reads until these bytes have come.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            bytes.push(soon(self.0.read_u8()).await.expect("goes on"));
        }
        String::from_utf8(bytes).expect("is text")
    }

    /// Reads to the end of the connection.
    pub(crate) async fn read_to_end(&mut self) -> (String, End) {
        let mut bytes = Vec::new();
        let end = match soon(self.0.read_to_end(&mut bytes)).await {
            Ok(_) => End::Closed,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("neither closed nor reset: {error}"),
        };
        (String::from_utf8(bytes).expect("is text"), end)
    }
}

pub(crate) fn post(body: &str, connection: &str) -> String {
    post_to("/v1/chat/completions", body, connection)
}

pub(crate) fn post_to(path: &str, body: &str, connection: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
