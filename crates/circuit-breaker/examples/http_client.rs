//! A real HTTP client behind a breaker, through one outage: `cargo run -p circuit-breaker --example
//! http_client`.
//!
//! The service is a socket on this machine that answers as it is told, so the example needs no
//! network. What it shows: a permit for each request, held until the whole body is there; a client's
//! own mistake that is not held against the service; `Retry-After` honoured; and memory that the
//! next process begins with.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use circuit_breaker::{CircuitBreaker, Outcome, Registry, Settings, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let status = Arc::new(AtomicU16::new(200));
    let url = serve(Arc::clone(&status)).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;

    let settings = Settings { reset_timeout: Duration::from_millis(200), ..Settings::default() };
    let breakers = Registry::new(settings.clone(), SystemClock);
    // One breaker for each service, whoever calls it.
    let breaker = breakers.breaker(&"models".to_owned());

    println!("the service is well");
    ask(&client, &breaker, &url).await;
    status.store(404, Ordering::SeqCst);
    println!("a request of ours is wrong: nobody's outage");
    ask(&client, &breaker, &url).await;
    status.store(503, Ordering::SeqCst);
    println!("the service fails; the sixth call is not made");
    for _ in 0..6 {
        ask(&client, &breaker, &url).await;
    }

    println!("another process begins, with what this one learned");
    let memory = breakers.snapshot();
    let breakers = Registry::new(settings, SystemClock);
    for (key, warning) in breakers.restore(&memory) {
        println!("  {key}: {warning}");
    }
    let breaker = breakers.breaker(&"models".to_owned());
    ask(&client, &breaker, &url).await;

    println!("the service is back, and one probe finds out");
    status.store(200, Ordering::SeqCst);
    let wait = breaker.status().retry_in.unwrap_or_default();
    tokio::time::sleep(wait).await;
    ask(&client, &breaker, &url).await;
    for event in breakers.drain_events() {
        println!("  {} -> {}: {:?}", event.from, event.to, event.cause);
    }
    Ok(())
}

/// One request under one permit.
async fn ask(client: &reqwest::Client, breaker: &CircuitBreaker, url: &str) {
    let permit = match breaker.try_acquire() {
        Ok(permit) => permit,
        Err(rejected) => {
            println!("  not asked: {rejected}");
            return;
        }
    };
    // Dropped here, by a cancelled future say, the permit frees its place and counts nothing.
    let (told, outcome) = match fetch(client, url).await {
        Ok((status, body, pause)) => {
            let outcome = match status {
                400..=499 => Outcome::Ignored,
                500.. => Outcome::Failure,
                _ => Outcome::Success,
            };
            if let Some(pause) = pause {
                breaker.trip_for(pause);
            }
            (format!("{status}, {} bytes", body.len()), outcome)
        }
        Err(error) => (error.to_string(), Outcome::Failure),
    };
    let recorded = permit.record(outcome);
    println!("  {told}: {outcome:?}, {recorded:?}; now {}", breaker.status());
}

/// The whole answer: a stream that dies halfway is an error, whatever its head said.
async fn fetch(
    client: &reqwest::Client,
    url: &str,
) -> Result<(u16, String, Option<Duration>), reqwest::Error> {
    let response = client.get(url).timeout(Duration::from_secs(5)).send().await?;
    let status = response.status().as_u16();
    let pause = response.headers().get("retry-after");
    let pause = pause.and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    Ok((status, response.text().await?, pause))
}

/// Answers every request with the status of the moment.
async fn serve(status: Arc<AtomicU16>) -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            if stream.read(&mut request).await.is_err() {
                continue;
            }
            let status = status.load(Ordering::SeqCst);
            let head =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 5\r\nconnection: close\r\n\r\n");
            // A client that has gone away needs no answer.
            let _ = stream.write_all(format!("{head}hello").as_bytes()).await;
        }
    });
    Ok(url)
}
