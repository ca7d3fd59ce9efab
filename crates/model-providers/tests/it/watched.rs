//! What an operator sees of attempts: spans with OpenTelemetry's names, counts, and no key.

use std::io::Write;
use std::sync::{Arc, Mutex};

use model_providers::Providers;
use simulated_models::{Fault, ModelScript, Script, Server, Step};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::bench::{BOTH, KEY, ask, two};

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Logs of this thread at the finest level, also those of the HTTP client.
fn watch() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn an_attempt_is_a_span_and_each_is_counted() {
    let primary = ModelScript::failing(Fault::status(503));
    let server = Server::start(Script::with_model("primary", primary)).await.unwrap();
    let providers = Providers::new(two(&server.base_url(), &server.base_url())).unwrap();
    let (lines, guard) = watch();
    ask(&providers, &BOTH).await.unwrap();
    drop(guard);
    let text = lines.text();
    let closed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("gen_ai.chat{") && line.contains("close"))
        .collect();
    assert_eq!(closed.len(), 3, "{text}");
    for part in [
        "otel.name=chat primary",
        "gen_ai.operation.name=\"chat\"",
        "gen_ai.provider.name=\"a\"",
        "gen_ai.request.model=\"primary\"",
        "server.address=\"127.0.0.1\"",
        "error.type=\"unavailable\"",
        "http.response.status_code=503",
    ] {
        assert!(closed[0].contains(part), "{part} in {}", closed[0]);
    }
    assert!(closed[2].contains("gen_ai.usage.output_tokens="), "{}", closed[2]);
    assert!(!closed[2].contains("error.type="), "{}", closed[2]);
    let counts = providers.counts();
    let attempts: Vec<(&str, u64)> = counts.attempts.into_iter().collect();
    assert_eq!(attempts, [("ok", 1), ("unavailable", 2)]);
    assert_eq!((counts.fallbacks, counts.degradations, counts.openings), (1, 0, 0));
    assert_eq!(counts.first_token.buckets.iter().sum::<u64>(), 1);
    assert!(counts.tokens.output > 0);
    server.stop().await;
}

/// A key planted in every error body and header, and logs at their finest.
#[tokio::test]
async fn no_key_is_in_any_log() {
    let body = format!("{{\"error\": {{\"message\": \"{KEY} is wrong, Bearer {KEY}\"}}}}");
    let status = |status| Fault::Status {
        status,
        retry_after: Some(KEY.to_owned()),
        body: Some(body.clone()),
    };
    let statuses = [400, 401, 402, 429, 500].into_iter().map(status);
    let steps = (1..).zip(statuses).map(|(call, fault)| Step::calls(call..=call, fault));
    let server =
        Server::start(Script::with_model("primary", ModelScript::steps(steps))).await.unwrap();
    let (lines, guard) = watch();
    for _ in 0..5 {
        let providers = Providers::new(two(&server.base_url(), &server.base_url())).unwrap();
        let outcome = ask(&providers, &BOTH).await;
        tracing::info!(?outcome, ?providers, memory = ?providers.memory(), "told");
    }
    drop(guard);
    let text = lines.text();
    assert!(text.contains("[secret]") && text.contains("gen_ai.chat"));
    let shown: Vec<&str> = text.lines().filter(|line| line.contains(KEY)).collect();
    assert!(shown.is_empty(), "{shown:?}");
    server.stop().await;
}
