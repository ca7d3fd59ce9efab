//! `belay doctor --drill` from outside: nobody is asked, and the exit state says whether every
//! position has somebody behind it.

use serde_json::Value;

use crate::harness::{Bench, finish};

/// Two names for one key, two names for one server, a key that is not there, a program that is not.
const WEAK: &str = r#"providers:
  a: { kind: openai, base_url: "https://a.example/v1", api_key_env: KEY_A }
  twin: { kind: openai, base_url: "https://twin.example/v1", api_key_env: KEY_A }
  b: { kind: openai, base_url: "https://a.example/v2", api_key_env: KEY_B }
  c: { kind: openai, base_url: "https://c.example/v1", api_key_env: NOT_THERE }
  own: { kind: command, command: ["./agent.sh", "{prompt}"] }
roles:
  planner: { chain: [a/one, twin/two] }
  coder: { chain: [a/one, b/two, c/three] }
  reviewer: { chain: [a/one, own/two] }
"#;

const STRONG: &str = r#"providers:
  a: { kind: openai, base_url: "https://a.example/v1", api_key_env: KEY_A }
  b: { kind: openai, base_url: "https://b.example/v1", api_key_env: KEY_B }
roles:
  planner: { chain: [a/one, b/two] }
  coder: { chain: [a/one, a/two, b/three] }
  reviewer: { chain: [b/one, a/two] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_has_nothing_behind_it_fails_with_its_mend() {
    let bench = Bench::with_files([("belay.yaml", WEAK)]);
    let ran = bench.belay(&["doctor", "--drill"]).await.exits(1);
    assert!(!ran.stdout.contains("key-a"), "{}", ran.stdout);
    let repo = bench.repo.canonicalize().expect("a path").display().to_string();
    insta::assert_snapshot!(ran.stdout.replace(&repo, "REPO"));
    assert!(!bench.repo.join(".git/belay").exists(), "looking makes no state");
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_of_two_providers_pass() {
    let bench = Bench::with_files([("belay.yaml", STRONG)]);
    let ran = bench.belay(&["doctor", "--drill", "--format", "json"]).await.exits(0);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|check| check["state"] == "ok"), "{report}");
    let second = checks.iter().find(|check| check["name"] == "coder 2").expect("a position");
    assert_eq!(second["message"], "a/one and a/two dead: b/three answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_model_there_is_nothing_behind_anything() {
    let bench = Bench::with_files([("belay.yaml", "providers: {}\n")]);
    let ran = bench.belay(&["doctor", "--drill"]).await.exits(1);
    assert!(ran.stdout.contains("coder: no model can answer"), "{}", ran.stdout);
    let both = bench.command(&["doctor", "--drill", "--probe"]).spawn().expect("belay starts");
    finish(both).await.exits(2);
}
