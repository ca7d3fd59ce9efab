//! Two hundred chains at once with a third of all calls failing at random: none is lost, none is
//! answered twice, and nothing is left behind.
//!
//! `BELAY_MANY_REQUESTS=10000` asks for the full size; see docs/benchmarks-models.md.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model_providers::{Endpoint, Event, Kind, ModelId, Observer, Providers, Request, Settings};
use serde_json::json;
use simulated_models::{Fault, ModelScript, Script, Server, Step};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::bench::request;

const CHAINS: usize = 200;
const FAULTY_PERCENT: u64 = 35;
/// A script is looked through at every call, so it is renewed before it is long.
const ROUND: u64 = 500;
const MODELS: [&str; 3] = ["a/one", "b/two", "c/three"];

#[expect(clippy::disallowed_methods, reason = "the size of this test is set from outside")]
fn size() -> usize {
    std::env::var("BELAY_MANY_REQUESTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000)
}

/// xorshift64: the same faults at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn fault(&mut self) -> Fault {
        let after_chunks = 1;
        let faults = [
            Fault::status(500),
            Fault::status(503),
            Fault::rate_limited("0"),
            Fault::ResetBeforeHeaders,
            Fault::Cut { after_chunks },
            Fault::Stall { after_chunks },
            Fault::ErrorEvent { after_chunks },
            Fault::NoFinishReason,
            Fault::MalformedChunk,
            Fault::NotJson,
            Fault::WrongSchema,
            Fault::EmptyBody,
            Fault::Refusal,
            Fault::SlowHeaders { delay: Duration::from_secs(3_600) },
        ];
        let chosen = usize::try_from(self.below(faults.len() as u64)).unwrap_or(0);
        faults[chosen].clone()
    }
}

/// Faults for the next [`ROUND`] requests.
fn script(round: u64) -> Script {
    let calls = 2 * ROUND;
    let mut dice = Dice(0x5EED + round);
    let mut script = Script::default();
    for name in ["one", "two", "three"] {
        let faulty: Vec<u64> = (1..=calls).filter(|_| dice.below(100) < FAULTY_PERCENT).collect();
        let steps = faulty.into_iter().map(|call| Step::calls(call..=call, dice.fault()));
        script = script.and_model(name, ModelScript::steps(steps.collect::<Vec<_>>()));
    }
    script
}

fn settings(base_url: &str) -> Settings {
    let mut settings = Settings::default();
    for name in ["a", "b", "c"] {
        let endpoint = Endpoint::new(Kind::OpenAi, base_url.parse().unwrap());
        settings.endpoints.insert(name.to_owned(), endpoint);
    }
    // A busy machine may take a slow answer for none, which is one more failure.
    settings.failover.first_token_timeout = Some(Duration::from_secs(4));
    settings.failover.idle_timeout = Duration::from_secs(4);
    settings.failover.hedge_after = Some(Duration::from_secs(1));
    // Breakers open and close all the time.
    settings.breaker.reset_timeout = Duration::from_millis(50);
    settings.breaker.max_reset_timeout = Duration::from_millis(50);
    settings
}

/// How many of each end one request told of.
#[derive(Default)]
struct Ends {
    succeeded: AtomicU64,
    degraded: AtomicU64,
}

impl Observer for Ends {
    fn observe(&self, event: &Event) {
        match event {
            Event::AttemptSucceeded { .. } => self.succeeded.fetch_add(1, Ordering::Relaxed),
            Event::Degraded { .. } => self.degraded.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

async fn ask_once(
    providers: &Arc<Providers>,
    request: &Request,
    ends: &Mutex<BTreeMap<String, u64>>,
) {
    let models: Vec<ModelId> = MODELS.iter().map(|name| name.parse().unwrap()).collect();
    let chain = providers.chain(&models, Duration::from_mins(1)).unwrap();
    let seen = Ends::default();
    let answer = chain.ask(request, None, &CancellationToken::new(), &seen).await.unwrap();
    let told = (seen.succeeded.load(Ordering::Relaxed), seen.degraded.load(Ordering::Relaxed));
    assert!(told == (0, 1) || told == (1, 0), "{told:?} {answer:?}");
    assert_eq!(answer.degraded, told == (0, 1));
    let by = answer.model.map_or("stand-in".to_owned(), |model| model.to_string());
    *ends.lock().unwrap().entry(by).or_default() += 1;
}

/// Resident kilobytes, where the system says so.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Established connections of a port on this machine, where the system says so.
fn connections(base_url: &str) -> usize {
    let port: u16 = base_url.rsplit(':').next().unwrap().trim_end_matches("/v1").parse().unwrap();
    let end = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let is_ours = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        let mut word = || words.next().unwrap_or_default();
        let (local, remote, state) = (word(), word(), word());
        state == "01" && (local.ends_with(&end) || remote.ends_with(&end))
    };
    table.lines().filter(is_ours).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_chains_at_once_lose_nothing_and_leave_nothing() {
    let size = size();
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let server = Arc::new(Server::start(script(0)).await.unwrap());
    let base_url = server.base_url();
    let providers = Providers::new(settings(&base_url)).unwrap();
    let mut request = request();
    request.stand_in = Some(Arc::new(|_| json!({"understanding": "nobody"})));
    let (request, ends) = (Arc::new(request), Arc::new(Mutex::new(BTreeMap::new())));
    let (begun, warm) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut chains = tokio::task::JoinSet::new();
    for _ in 0..CHAINS {
        let (providers, request, ends) = (providers.clone(), request.clone(), ends.clone());
        let (begun, warm, server) = (begun.clone(), warm.clone(), server.clone());
        chains.spawn(async move {
            loop {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                if number >= size as u64 {
                    return;
                }
                if number % ROUND == 0 {
                    server.set_script(script(number));
                }
                if number == size as u64 / 2 {
                    warm.store(resident().unwrap_or_default(), Ordering::Relaxed);
                }
                ask_once(&providers, &request, &ends).await;
            }
        });
    }
    while let Some(ended) = chains.join_next().await {
        ended.unwrap();
    }
    let grown = resident().unwrap_or_default().saturating_sub(warm.load(Ordering::Relaxed));
    let ends = ends.lock().unwrap().clone();
    let counts = providers.counts();
    println!(
        "{size} requests, {} calls: {ends:?} {:?}, {grown} kB",
        server.request_count(),
        counts.attempts
    );
    assert_eq!(ends.values().sum::<u64>(), size as u64, "none lost, none answered twice");
    assert!(ends.get("stand-in").is_none_or(|few| *few < size as u64 / 2), "{ends:?}");
    assert!(grown < 64 * 1024, "{grown} kB more after the second half");

    drop(providers);
    let left = timeout(Duration::from_secs(20), async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while connections(&base_url) > 0 {
            looks.tick().await;
        }
        Arc::into_inner(server).unwrap().stop().await;
        while tasks.num_alive_tasks() > before {
            looks.tick().await;
        }
    });
    let left = left.await.map_err(|_| (connections(&base_url), tasks.num_alive_tasks()));
    assert_eq!(left, Ok(()), "sockets and tasks left");
}
