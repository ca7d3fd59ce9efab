//! `belay config show` from outside: what a person and a script see.

use crate::harness::Bench;

const CONFIG: &str = r#"providers:
  a: { kind: openai, base_url: "http://127.0.0.1:9/v1", api_key_env: KEY_A, headers: { x-team: hush } }
roles:
  planner: { chain: [a/one] }
  coder: { chain: [a/one] }
  reviewer: { chain: [a/one] }
run: { parallel: 2 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_default_comes_first() {
    let bench = Bench::with_files([("belay.yaml", CONFIG)]);
    let ran = bench.belay(&["config", "show"]).await.exits(0);
    assert_eq!(ran.stderr, "");
    assert!(!ran.stdout.contains("key-a") && !ran.stdout.contains("hush"), "{}", ran.stdout);
    let (said, default) = ran.stdout.split_once("\n\n").expect("two parts");
    assert!(default.lines().all(|line| line.ends_with("  default")), "{default}");
    insta::assert_snapshot!(said, @r#"
    providers.a.kind                        openai                                   belay.yaml:2
    providers.a.base_url                    "http://127.0.0.1:9/v1"                  belay.yaml:2
    providers.a.api_key_env                 KEY_A (set)                              belay.yaml:2
    providers.a.headers                     { x-team: "***" }                        belay.yaml:2
    roles.planner.chain                     [a/one]                                  belay.yaml:4
    roles.coder.chain                       [a/one]                                  belay.yaml:5
    roles.reviewer.chain                    [a/one]                                  belay.yaml:6
    run.parallel                            2                                        belay.yaml:7
    "#);
    assert!(!bench.repo.join(".git/belay").exists(), "looking makes no state");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_get_one_object() {
    let bench = Bench::with_files([("belay.yaml", CONFIG)]);
    let ran = bench.belay(&["config", "show", "--format", "json"]).await.exits(0);
    let shown: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let of = |key: &str| {
        let settings = shown["settings"].as_array().expect("a list");
        settings.iter().find(|setting| setting["key"] == key).expect(key).to_string()
    };
    assert_eq!(shown["file"], "belay.yaml");
    insta::assert_snapshot!(of("run.parallel"), @r#"{"key":"run.parallel","value":2,"source":"belay.yaml:7"}"#);
    insta::assert_snapshot!(of("providers.a.api_key_env"), @r#"{"key":"providers.a.api_key_env","value":"KEY_A","source":"belay.yaml:2","is_set":true}"#);
    insta::assert_snapshot!(of("providers.a.headers"), @r#"{"key":"providers.a.headers","value":{"x-team":"***"},"source":"belay.yaml:2"}"#);
    insta::assert_snapshot!(of("run.base"), @r#"{"key":"run.base","value":null,"source":"default"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_cannot_be_used_is_refused_by_its_line() {
    let bench = Bench::with_files([("belay.yaml", "run: { paralel: 2 }\n")]);
    let ran = bench.belay(&["config", "show"]).await.exits(2);
    assert!(ran.stderr.contains("belay.yaml:1:8: run.paralel: unknown key"), "{}", ran.stderr);
}
