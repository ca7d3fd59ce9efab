//! Trap 52: what runs out belongs to a credential, not to a program or a provider's name.

use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, by, model, settings};
use crate::failure::Failure;
use crate::{Class, Endpoint, Kind, Memory, Program, Secret, Settings};

/// Two programs and a server with one key, `ours`; a program with a login, `mine`; and the servers
/// of every bench with keys of their own.
fn drawing(key: &str, login: &str) -> Settings {
    let mut settings = settings();
    settings.failover.max_wait = Duration::ZERO;
    let program = |name: &str, preset: &str| {
        let mut program = Program::preset(preset).unwrap();
        program.login = Some(login.to_owned()).filter(|_| name == "mine");
        let key = (name != "mine").then(|| Secret::new(key.to_owned()));
        let place = format!("command:{name}").parse().unwrap();
        let program = Some(Arc::new(program));
        let endpoint = Endpoint::new(Kind::Command, place);
        (name.to_owned(), Endpoint { program, api_key: key, ..endpoint })
    };
    settings.endpoints.extend([
        program("one", "codex"),
        program("two", "opencode"),
        program("mine", "claude-code"),
    ]);
    settings.endpoints.get_mut("b").unwrap().api_key = Some(Secret::new(key.to_owned()));
    settings
}

fn exhausted(class: Class, seconds: Option<u64>) -> Failure {
    let mut failure = Failure::new(class, "no more");
    failure.retry_after = seconds.map(Duration::from_secs);
    failure
}

/// What rests after this failure of one model.
fn resting(bench: &Bench, models: &[&str]) -> Vec<String> {
    let rests = |name: &&&str| bench.providers.health(&model(name)).resting.is_some();
    models.iter().filter(rests).map(|name| (*name).to_owned()).collect()
}

fn fails(bench: &Bench, name: &str, failure: &Failure) -> Duration {
    let model = model(name);
    bench.providers.rest(bench.providers.route(&model).unwrap(), failure)
}

const ALL: [&str; 7] = [
    "one/gpt-5.4",
    "one/gpt-5.4-mini",
    "two/openai/o3",
    "two/anthropic/claude-opus-4-6",
    "b/gpt-5.4",
    "b/gemini-3-pro",
    "a/gpt-5.4",
];

#[tokio::test(start_paused = true)]
async fn an_exhausted_pool_rests_all_that_draws_on_it_and_nothing_else() {
    let pool = ["one/gpt-5.4", "one/gpt-5.4-mini", "two/openai/o3", "b/gpt-5.4"];
    let credential = &ALL[..6];
    for (from, class, reset, expected) in [
        ("one/gpt-5.4", Class::QuotaExhausted, None, &pool[..]),
        ("two/openai/o3", Class::QuotaExhausted, Some(60), &pool[..]),
        ("one/gpt-5.4", Class::RateLimited, Some(60), &pool[..]),
        // Without a time it is a matter of the moment, and of the model.
        ("one/gpt-5.4", Class::RateLimited, None, &pool[..1]),
        ("one/gpt-5.4", Class::Auth, None, credential),
        // A server's own word is about the whole credential, as ever.
        ("b/gpt-5.4", Class::QuotaExhausted, Some(60), credential),
        ("b/gpt-5.4", Class::RateLimited, Some(60), &pool[3..]),
    ] {
        let bench = Bench::with(drawing("sk-ours", "me"));
        let retry_in = fails(&bench, from, &exhausted(class, reset));
        assert_eq!(resting(&bench, &ALL), expected, "{from} {class} {reset:?}");
        tokio::time::sleep(retry_in).await;
        assert_eq!(resting(&bench, &ALL), Vec::<String>::new(), "{from} {class} {reset:?}");
    }
}

fn carried(bench: &Bench) -> Memory {
    let text = serde_json::to_string(&bench.providers.memory()).unwrap();
    assert!(!text.contains("sk-ours") && !text.contains("me@home"), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_next_process_remembers_it_until_key_or_login_change() {
    let bench = Bench::with(drawing("sk-ours", "me@home"));
    fails(&bench, "one/gpt-5.4", &exhausted(Class::RateLimited, Some(3_600)));
    fails(&bench, "mine/sonnet", &exhausted(Class::QuotaExhausted, None));
    let models = ["two/openai/o3", "b/gpt-5.4", "mine/opus", "mine/gpt-5.4"];
    for (key, login, expected) in [
        ("sk-ours", "me@home", &models[..3]),
        ("sk-new", "me@home", &models[2..3]),
        ("sk-ours", "me@work", &models[..2]),
    ] {
        let next = Bench::with(drawing(key, login));
        next.providers.restore(&carried(&bench));
        assert_eq!(resting(&next, &models), expected, "{key} {login}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_goes_on_with_what_has_a_pool_of_its_own() {
    let bench = Bench::with(drawing("sk-ours", "me"));
    fails(&bench, "two/openai/o3", &exhausted(Class::QuotaExhausted, None));
    let outcome = bench.ask(&["one/gpt-5.4", "b/gpt-5.4", "a/gpt-5.4"]).await;
    assert_eq!(by(&outcome).unwrap(), "a/gpt-5.4");
    bench.providers.reset_breakers(Some(&model("b/gpt-5.4")));
    assert_eq!(by(&bench.ask(&["b/gpt-5.4"]).await).unwrap(), "b/gpt-5.4");
}
