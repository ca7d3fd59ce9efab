//! `belay metrics`: what a run with known faults comes to, for people and for scripts.

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};

use crate::harness::{Bench, server};

/// Prices that differ, so that a model's cost cannot be taken for another's.
const CONFIG: &str = "roles:
  planner: { chain: [a/large, b/small] }
  coder: { chain: [a/first, b/second] }
  reviewer: { chain: [b/small] }
models:
  a/large: { usd_per_million_input: 100, usd_per_million_output: 100 }
  a/first: { usd_per_million_input: 200, usd_per_million_output: 200 }
  b/second: { usd_per_million_input: 300, usd_per_million_output: 300 }
  b/small: { usd_per_million_input: 400, usd_per_million_output: 400 }
run: { test_command: \"sh check.sh\" }
";

fn milestone(name: &str, files: &[&str]) -> Value {
    json!({ "name": name, "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] })
}

/// The first planner is down, and nobody can write `two.py`.
pub(crate) fn script(name: &str) -> Script {
    let plan = json!({
        "milestones": [milestone(name, &["one.py", "two.py"]), milestone("More", &["three.py"])],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let change = |file: &str| (file.to_owned(), FileAnswer::create("N = 1\n"));
    let changes = ["one.py", "two.py", "three.py"].map(change).into();
    let coder = || ModelScript::steps([Step::path("two.py", Fault::WrongSchema)]);
    Script::with_model("large", ModelScript::failing(Fault::status(503)))
        .and_model("small", ModelScript::good())
        .and_model("first", coder())
        .and_model("second", coder())
        .with_answers(Answers { plan, changes, ..Answers::default() })
}

pub(crate) fn bench(server: &Server) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "! grep -rq BROKEN --include=*.py .\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nThree files with a number each.\n"),
    ]);
    bench.config(server, CONFIG);
    bench
}

/// What differs from run to run, or with every word of a prompt.
const FILTERS: &[(&str, &str)] = &[
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "[run]"),
    (r"\b\d+ ms\b|\b\d+\.\d s\b|\b\d+ min \d+ s\b", "[time]"),
    (r"\d+ tokens", "[n] tokens"),
    (r"tokens in, \d+ out", "tokens in, [n] out"),
    (r"[1-9]\d*\.\d+ USD|0\.\d*[1-9]\d* USD", "[n] USD"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_comes_to_is_told_to_people() {
    let server = server(script("Numbers")).await;
    let bench = bench(&server);
    bench.belay(&["run", "-q"]).await.exits(0);
    let ran = bench.belay(&["metrics"]).await.exits(0);
    insta::with_settings!({ filters => FILTERS.iter().copied() }, {
        insta::assert_snapshot!("metrics", ran.stdout);
    });
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_have_every_number_and_the_page_explains_each() {
    let server = server(script("Numbers")).await;
    let bench = bench(&server);
    bench.belay(&["run", "-q"]).await.exits(0);
    let listed = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let run = listed["runs"][0]["run"].as_str().expect("an id");
    let of_run = bench.belay(&["metrics", run, "--format", "json"]).await.exits(0);
    let of_run: Value = serde_json::from_str(&of_run.stdout).expect("JSON");
    insta::assert_json_snapshot!("metrics_json", of_run, {
        ".run" => "[run]",
        ".worked_ms" => "[time]",
        ".tokens" => "[n]",
        ".usd" => "[n]",
        ".spent[].tokens" => "[n]",
        ".spent[].usd" => "[n]",
        ".spent[].tokens_per_green" => "[n]",
        ".spent[].usd_per_green" => "[n]",
    });
    let spent: f64 = of_run["spent"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["usd"].as_f64())
        .sum();
    assert!((of_run["usd"].as_f64().expect("known prices") - spent).abs() < 1e-9);
    let all = bench.belay(&["metrics", "--format", "json"]).await.exits(0);
    let mut all: Value = serde_json::from_str(&all.stdout).expect("JSON");
    assert_eq!(all["run"], Value::Null);
    all["run"] = of_run["run"].clone();
    assert_eq!(all, of_run, "of one run, all runs together are that one");
    let page = include_str!("../../../../docs/metrics.md");
    for key in keys(&of_run) {
        assert!(page.contains(&format!("`{key}`")), "docs/metrics.md does not explain {key}");
    }
    server.stop().await;
}

/// Every name of a field; those of models and classes are not ours.
fn keys(value: &Value) -> Vec<String> {
    let own = |key: &String| !matches!(key.as_str(), "by_model" | "failed");
    match value {
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        Value::Object(fields) => {
            let below =
                fields.iter().filter(|(key, _)| own(key)).flat_map(|(_, value)| keys(value));
            fields.keys().cloned().chain(below).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_a_repository_without_runs() {
    let bench = Bench::with_files([("belay.yaml", "providers: {}\n")]);
    let ran = bench.belay(&["metrics"]).await.exits(0);
    assert!(ran.stdout.starts_with("0 runs of 0 ideas\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("nothing was asked yet"), "{}", ran.stdout);
    let ran = bench.belay(&["metrics", "01ABC"]).await.exits(2);
    assert_eq!(ran.stdout, "");
    assert!(!bench.repo.join(".git/belay").exists(), "looking makes no state");
}
