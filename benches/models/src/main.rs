//! What one question through a chain adds to the same call made directly, and what a peer adds.
//!
//! All of it in one process, against one fixed fast server on loopback, in blocks that take turns,
//! so that what else the machine does falls on all alike. Each is held against the direct call of
//! its own form: a stream for a chain, one piece of JSON for the peer.
//!
//! `cargo run --release --manifest-path benches/models/Cargo.toml -- [REQUESTS]`; JSON goes to
//! standard output, the table to standard error.

mod calls;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use calls::{Call, Setting};
use serde_json::{Value, json};

const CALLERS: [usize; 2] = [1, 32];
/// Requests of each caller within a block.
const BLOCK: usize = 50;

/// Times of one way to ask, in nanoseconds.
type Times = Vec<u64>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let requests: usize =
        std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(4_000);
    let (good, dead) = (server::start(false), server::start(true));
    let mut results = Vec::new();
    for setting in Setting::ALL {
        let calls = calls::of(setting, &good, &dead).await;
        let before = dead.requests();
        for callers in CALLERS {
            let times = measure(&calls, callers, requests).await;
            results.push(told(setting, callers, &calls, &times, dead.requests() - before));
        }
    }
    let report = json!({ "requests": requests, "unit": "ms", "results": results });
    println!("{report:#}");
}

/// All ways in turn, block by block.
async fn measure(calls: &[Arc<dyn Call>], callers: usize, requests: usize) -> Vec<Times> {
    let mut times = vec![Times::new(); calls.len()];
    let blocks = (requests / (BLOCK * callers)).max(3);
    for block in 0..=blocks {
        for (call, times) in calls.iter().zip(&mut times) {
            let running: Vec<_> = (0..callers)
                .map(|_| {
                    let call = Arc::clone(call);
                    tokio::spawn(async move {
                        let mut times = Times::with_capacity(BLOCK);
                        for _ in 0..BLOCK {
                            let began = Instant::now();
                            call.once().await;
                            times.push(nanoseconds(began.elapsed()));
                        }
                        times
                    })
                })
                .collect();
            for one in running {
                let block_times = one.await.expect("a caller ends");
                // The first block opens connections.
                if block > 0 {
                    times.extend(block_times);
                }
            }
        }
    }
    times
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn told(
    setting: Setting,
    callers: usize,
    calls: &[Arc<dyn Call>],
    times: &[Times],
    dead_calls: u64,
) -> Value {
    eprintln!("{} at {callers} callers ({dead_calls} calls to the dead model)", setting.name());
    let median = |name: &str| {
        let at = calls.iter().position(|call| call.name() == name).expect("a baseline");
        quantile(&times[at], 0.5)
    };
    let rows: Vec<Value> = calls
        .iter()
        .zip(times)
        .map(|(call, times)| {
            let (p50, p99) = (quantile(times, 0.5), quantile(times, 0.99));
            let over = median(call.baseline());
            let (added, ratio) = (p50 - over, p50 / over);
            eprintln!(
                "  {:24} median {p50:.3} ms, p99 {p99:.3} ms, added {added:+.3} ms, ratio {ratio:.3}",
                call.name()
            );
            json!({"name": call.name(), "over": call.baseline(), "median": p50, "p99": p99,
                "added": added, "ratio": ratio})
        })
        .collect();
    json!({"setting": setting.name(), "callers": callers, "dead_calls": dead_calls, "rows": rows})
}

/// In milliseconds.
fn quantile(times: &[u64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[at] as f64 / 1e6
}
