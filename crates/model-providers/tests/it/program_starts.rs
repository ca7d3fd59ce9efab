//! Trap 50: a program that dies at its start costs three starts, however many ask for it.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use model_providers::{Answer, Event, Memory, ModelId, Observer, Output, Providers, Unanswered};
use tokio_util::sync::CancellationToken;

use crate::bench::{by, request};
use crate::programs::{Agents, GOOD, LONG};

/// A program that notes its start and does this, and a good one.
fn agents(script: &str) -> Agents {
    let mut agents = Agents::new();
    let starts = agents.path("starts").display().to_string();
    agents.add("a", Output::Text, &format!("echo start >> {starts}\n{script}"));
    agents.add("b", Output::Text, GOOD);
    agents
}

fn starts(agents: &Agents) -> usize {
    std::fs::read_to_string(agents.path("starts")).unwrap_or_default().lines().count()
}

fn models() -> Vec<ModelId> {
    ["a/one", "b/two"].map(|name| name.parse().unwrap()).to_vec()
}

async fn ask(
    providers: &std::sync::Arc<Providers>,
    seen: &dyn Observer,
) -> Result<Answer, Unanswered> {
    let chain = providers.chain(&models(), LONG).unwrap();
    chain.ask(&request(), None, &CancellationToken::new(), seen).await
}

/// What was told of the starts.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn observe(&self, event: &Event) {
        let told = match event {
            Event::BreakerOpened { model, state, .. }
            | Event::BreakerHalfOpened { model, state, .. }
            | Event::BreakerClosed { model, state, .. } => format!("{model} {state}"),
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}

#[tokio::test]
async fn of_thirty_at_once_three_start_what_dies_and_all_are_answered() {
    let agents = agents("exit 1");
    let providers = Providers::new(agents.settings.clone()).unwrap();
    let seen = Seen::default();
    let outcomes = join_all((0..30).map(|_| ask(&providers, &seen))).await;
    assert!(outcomes.iter().all(|outcome| by(outcome) == "b/two"));
    assert_eq!(starts(&agents), 3);
    assert_eq!(*seen.0.lock().unwrap(), ["a/* OPEN"]);
    // Whichever model of it is asked for, and in the next process too.
    let memory = serde_json::to_string(&providers.memory()).unwrap();
    let memory: Memory = serde_json::from_str(&memory).unwrap();
    let next = Providers::new(agents.settings.clone()).unwrap();
    next.restore(&memory);
    assert_eq!(next.health(&"a/another".parse().unwrap()).status.to_string(), "OPEN");
    assert_eq!(by(&ask(&next, &seen).await), "b/two");
    assert_eq!(starts(&agents), 3);
    next.reset_breakers(Some(&"a/one".parse().unwrap()));
    ask(&next, &seen).await.unwrap();
    assert_eq!(starts(&agents), 4);
}

#[tokio::test]
async fn a_probe_that_says_something_lets_the_others_in_again() {
    let mut agents = agents(&format!("[ -e ../../../mended ] || exit 1\n{GOOD}"));
    agents.settings.breaker.reset_timeout = Duration::ZERO;
    agents.settings.breaker.max_reset_timeout = Duration::ZERO;
    let providers = Providers::new(agents.settings.clone()).unwrap();
    let seen = Seen::default();
    for _ in 0..3 {
        assert_eq!(by(&ask(&providers, &seen).await), "b/two");
    }
    std::fs::write(agents.path("mended"), "").unwrap();
    assert_eq!(by(&ask(&providers, &seen).await), "a/one");
    assert_eq!(*seen.0.lock().unwrap(), ["a/* OPEN", "a/* HALF-OPEN", "a/* CLOSED"]);
}

/// An exit status of which more is known is a word, too.
#[tokio::test]
async fn a_probe_that_ends_with_a_known_status_has_started() {
    let mut agents = agents("[ -e ../../../mended ] && exit 3; exit 1");
    let endpoint = agents.settings.endpoints.get_mut("a").unwrap();
    let program = std::sync::Arc::get_mut(endpoint.program.as_mut().unwrap()).unwrap();
    program.exits.insert(3, model_providers::Class::Refused);
    agents.settings.breaker.reset_timeout = Duration::ZERO;
    agents.settings.breaker.max_reset_timeout = Duration::ZERO;
    let providers = Providers::new(agents.settings.clone()).unwrap();
    let seen = Seen::default();
    for _ in 0..3 {
        ask(&providers, &seen).await.unwrap();
    }
    std::fs::write(agents.path("mended"), "").unwrap();
    ask(&providers, &seen).await.unwrap();
    assert_eq!(*seen.0.lock().unwrap(), ["a/* OPEN", "a/* HALF-OPEN", "a/* CLOSED"]);
}

/// What says a word before it fails has started; so has what takes its time.
#[tokio::test]
async fn a_failure_with_a_word_is_none_of_the_start() {
    for script in ["echo something; exit 1", "exit 3"] {
        let mut agents = agents(script);
        let endpoint = agents.settings.endpoints.get_mut("a").unwrap();
        let program = std::sync::Arc::get_mut(endpoint.program.as_mut().unwrap()).unwrap();
        program.exits.insert(3, model_providers::Class::Refused);
        let providers = Providers::new(agents.settings.clone()).unwrap();
        for _ in 0..4 {
            ask(&providers, &()).await.unwrap();
        }
        assert!(starts(&agents) >= 4, "{script}: {}", starts(&agents));
    }
}
