//! Every fault as the primary of every role: the run is completed by the
//! fallback, at once, and the record says so.

use std::time::Duration;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, ModelScript, Recorded, Script, Server, Step};

use crate::harness::{Bench, server, until};

/// Short limits, so that silence is noticed soon; everything else is the contract's.
const LIMITS: &str = "failover: { first_token_timeout: 1500ms, idle_timeout: 1500ms }\nrun: { test_command: \"sh check.sh\" }\n";

/// More than a busy machine needs between two requests, less than any backoff
/// that would hurt: the only waits that the contract allows are the jittered
/// half second before the same model is asked once more, and a short Retry-After.
const AT_ONCE: Duration = Duration::from_millis(1_500);

/// What becomes of a fault.
enum Then {
    /// The fallback answers.
    Fallback,
    /// The answer was whole all the same.
    Primary,
}

fn delay() -> Duration {
    Duration::from_secs(30)
}

fn faults() -> Vec<(&'static str, ModelScript, Then)> {
    use Then::{Fallback, Primary};
    let always = |fault: Fault| ModelScript::failing(fault);
    vec![
        ("status 500", always(Fault::status(500)), Fallback),
        ("status 503", always(Fault::status(503)), Fallback),
        ("status 401", always(Fault::status(401)), Fallback),
        ("status 400", always(Fault::status(400)), Fallback),
        ("status 429", always(Fault::status(429)), Fallback),
        ("status 429, retry after 1 s", always(Fault::rate_limited("1")), Fallback),
        ("status 429, retry after an hour", always(Fault::rate_limited("3600")), Fallback),
        ("quota exhausted", always(Fault::quota_exhausted()), Fallback),
        ("connection refused", always(Fault::RefuseConnection), Fallback),
        ("slow headers", always(Fault::SlowHeaders { delay: delay() }), Fallback),
        ("slow first token", always(Fault::SlowFirstToken { delay: delay() }), Fallback),
        ("stall", always(Fault::Stall { after_chunks: 2 }), Fallback),
        ("reset before headers", always(Fault::ResetBeforeHeaders), Fallback),
        ("cut in mid-stream", always(Fault::Cut { after_chunks: 2 }), Fallback),
        ("no end mark", always(Fault::MissingEndMark), Primary),
        ("no finish reason", always(Fault::NoFinishReason), Fallback),
        ("malformed chunk", always(Fault::MalformedChunk), Fallback),
        ("error event in a 200", always(Fault::ErrorEvent { after_chunks: 2 }), Fallback),
        ("wrong content type", always(Fault::WrongContentType), Fallback),
        ("empty body", always(Fault::EmptyBody), Fallback),
        ("empty answer", always(Fault::Empty), Fallback),
        ("not JSON", always(Fault::NotJson), Fallback),
        ("wrong schema", always(Fault::WrongSchema), Fallback),
        ("cut off by length", always(Fault::CutOff), Fallback),
        ("placeholder code", always(Fault::Placeholder), Fallback),
        ("refusal", always(Fault::Refusal), Fallback),
        ("content filter", always(Fault::ContentFilter), Fallback),
        (
            "down from the second call on",
            ModelScript::steps([Step::calls(2.., Fault::status(503))]),
            Fallback,
        ),
        (
            "down for two calls, then up",
            ModelScript::steps([Step::calls(1..=2, Fault::status(503))]),
            Fallback,
        ),
    ]
}

/// Two milestones of one file each, so that every role is asked twice but the
/// planner, who is asked for two things.
fn answers() -> Answers {
    let milestone = |name: &str, file: &str| json!({ "name": name, "description": "", "files": { "create": [file], "modify": [], "delete": [] }, "read": [], "tests": [] });
    let plan = json!({
        "milestones": [milestone("One", "one.py"), milestone("Two", "two.py")],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes = Answers::creating([("one.py", "ONE = 1\n"), ("two.py", "TWO = 2\n")]).changes;
    Answers { plan, changes, ..Answers::default() }
}

fn bench(server: &Server, role: &str) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "! grep -rq BROKEN --include=*.py .\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd one.py and two.py, a number each.\n"),
    ]);
    let chain = |name: &str| {
        if name == role { "[a/bad, b/good]" } else { "[b/good, a/bad]" }
    };
    let roles = ["planner", "coder", "reviewer"]
        .map(|name| format!("  {name}: {{ chain: {}, timeout: 60s }}\n", chain(name)));
    bench.config(server, &format!("roles:\n{}{LIMITS}", roles.concat()));
    bench
}

async fn fault_in(role: &str, name: &str, script: ModelScript, then: &Then) {
    let server = server(Script::with_model("bad", script).with_answers(answers())).await;
    let bench = bench(&server, role);
    let what = format!("{name} as the primary {role}");
    let ran = bench.belay(&["run", "--format", "json"]).await;
    assert_eq!(ran.code, Some(0), "{what}:\n{}", ran.stderr);
    let finished = ran.named("run_finished");
    assert_eq!(finished[0]["status"], "completed", "{what}:\n{}", ran.stderr);
    assert_eq!(
        (&finished[0]["partial"], &finished[0]["degraded"]),
        (&json!(false), &json!(false)),
        "{what}"
    );

    let run = finished[0]["run"].as_str().expect("a run");
    let shown = bench.belay(&["runs", "show", run, "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let fallbacks = shown["fallback_attempts"].as_u64().expect("a number");
    // The placeholder is one only where code is asked for.
    let code_only = matches!((name, role), ("placeholder code", "planner" | "reviewer"));
    match then {
        Then::Fallback if !code_only => {
            assert!(fallbacks > 0, "{what}: {fallbacks} fallback attempts\n{}", ran.stderr);
        }
        _ => assert_eq!(fallbacks, 0, "{what}:\n{}", ran.stderr),
    }
    no_pause_between_models(&what, &server.requests());
    assert_eq!(bench.show("belay/001-numbers", "two.py"), "TWO = 2");
    server.stop().await;
}

/// From the end of a failed request to the first byte of the next model's.
fn no_pause_between_models(what: &str, requests: &[Recorded]) {
    for pair in requests.windows(2) {
        let [before, after] = pair else { continue };
        if before.model == "bad" && after.model == "good" && before.schema == after.schema {
            let ended = before.ended.unwrap_or(before.received);
            let pause = after.received.saturating_sub(ended);
            assert!(pause < AT_ONCE, "{what}: {pause:?} between two models");
        }
    }
}

/// Several at a time: most of a run is waiting.
async fn every_fault_in(role: &'static str) {
    let mut running = tokio::task::JoinSet::new();
    for (name, script, then) in faults() {
        while running.len() >= 4 {
            running.join_next().await.expect("one").expect("no panic");
        }
        running.spawn(async move { fault_in(role, name, script, &then).await });
    }
    while let Some(done) = running.join_next().await {
        done.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_primary_planner_is_survived() {
    every_fault_in("planner").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_primary_coder_is_survived() {
    every_fault_in("coder").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_primary_reviewer_is_survived() {
    every_fault_in("reviewer").await;
}

/// Nobody listens on the primary's port: the connection itself is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_is_passed_over_without_a_second_try() {
    let server = server(Script::default().with_answers(answers())).await;
    let nobody = server.refusing_url().expect("a port");
    let bench = bench(&server, "planner");
    let config = std::fs::read_to_string(bench.repo.join("belay.yaml")).expect("a config");
    let config = config.replacen(&server.base_url(), &nobody, 1);
    std::fs::write(bench.repo.join("belay.yaml"), config).expect("a config");
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    let failed = ran.named("attempt_failed");
    assert!(
        failed.iter().all(|event| event["class"] == "unavailable" && event["model"] == "a/bad"),
        "{failed:?}"
    );
    // Once for the analysis and once for the plan.
    assert_eq!(failed.len(), 2, "a refused connection is not tried again: {failed:?}");
    server.stop().await;
}

/// The breaker belongs to the repository: what one run learned, the next knows.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_is_remembered_by_the_next_run() {
    let script =
        Script::with_model("bad", ModelScript::failing(Fault::status(500))).with_answers(answers());
    let server = server(script).await;
    let bench = bench(&server, "planner");
    let config = std::fs::read_to_string(bench.repo.join("belay.yaml")).expect("a config");
    std::fs::write(
        bench.repo.join("belay.yaml"),
        config + "circuit_breaker: { failure_threshold: 2 }\n",
    )
    .expect("a config");
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    let opened = ran.named("breaker_opened");
    assert_eq!(opened.len(), 1, "{}", ran.stderr);
    assert_eq!((&opened[0]["model"], &opened[0]["state"]), (&json!("a/bad"), &json!("OPEN")));

    let listed = bench.belay(&["breaker", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(
        (&listed["breakers"][0]["model"], &listed["breakers"][0]["state"]),
        (&json!("a/bad"), &json!("OPEN"))
    );
    assert!(
        listed["breakers"][0]["retry_in_ms"]
            .as_u64()
            .is_some_and(|wait| wait > 0 && wait <= 60_000),
        "{listed}"
    );

    let asked = server.requests().iter().filter(|request| request.model == "bad").count();
    let again = bench.belay(&["run", "--fresh", "001", "--format", "json"]).await.exits(0);
    assert_eq!(
        server.requests().iter().filter(|request| request.model == "bad").count(),
        asked,
        "not asked while open"
    );
    assert!(again.stderr.contains("1. a/bad [OPEN]"), "{}", again.stderr);
    server.stop().await;
}

/// The system's proxy is for the network, not for a server on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_does_not_stand_before_a_server_on_this_machine() {
    let server = server(Script::default().with_answers(answers())).await;
    let nobody = server.refusing_url().expect("a port");
    let bench = bench(&server, "planner");
    let mut command = bench.command(&["run", "--format", "json"]);
    let command =
        command.env("HTTP_PROXY", &nobody).env("http_proxy", &nobody).env("ALL_PROXY", &nobody);
    let ran = crate::harness::finish(command.spawn().expect("belay")).await.exits(0);
    assert!(ran.named("attempt_failed").is_empty(), "{}", ran.stderr);
    server.stop().await;
}

/// What was learned is durable after each step, so a kill loses at most one.
#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_was_open_when_its_process_was_killed_is_open() {
    let hangs = Step::schema("changes", Fault::SlowHeaders { delay: Duration::from_secs(3_600) });
    let script = Script::with_model("bad", ModelScript::failing(Fault::status(500)))
        .and_model("good", ModelScript::steps([hangs]))
        .with_answers(answers());
    let server = server(script).await;
    let bench = bench(&server, "planner");
    let config = std::fs::read_to_string(bench.repo.join("belay.yaml")).expect("a config");
    let breaker =
        "circuit_breaker: { failure_threshold: 2, reset_timeout: 1h, max_reset_timeout: 1h }\n";
    std::fs::write(bench.repo.join("belay.yaml"), config + breaker).expect("a config");
    let mut child = bench.command(&["run", "--format", "json"]).spawn().expect("belay");
    // Analysis and plan are over, each with a failed visit, and a coder is asked.
    until(|| server.requests().iter().any(|asked| asked.schema.as_deref() == Some("changes")))
        .await;
    child.kill().await.expect("killed");
    let listed = bench.belay(&["breaker", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let breakers = listed["breakers"].as_array().expect("a list");
    let bad = breakers.iter().find(|breaker| breaker["model"] == "a/bad").expect("it is listed");
    assert_eq!(bad["state"], "OPEN", "{listed}");
    // So nobody stands in for the planner's only other model.
    let drill = bench.belay(&["doctor", "--drill"]).await.exits(1);
    let held_off = "planner 1: a/bad cannot answer: its breaker is open for ";
    assert!(drill.stdout.contains(held_off), "{}", drill.stdout);
    assert!(drill.stdout.contains("planner 2: b/good dead: nothing but"), "{}", drill.stdout);
    server.stop().await;
}

/// The limit of a day is the repository's, not a process's.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_spent_today_is_missing_for_the_next() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench(&server, "nobody");
    let config = std::fs::read_to_string(bench.repo.join("belay.yaml")).expect("a config");
    let price =
        "{ usd_per_million_input: 10, usd_per_million_output: 10, max_output_tokens: 4000 }";
    let limited = |usd: f64| {
        let limits = format!(
            "models: {{ a/bad: {price}, b/good: {price} }}\nbudget: {{ max_usd_per_day: {usd} }}\n"
        );
        std::fs::write(bench.repo.join("belay.yaml"), format!("{config}{limits}"))
            .expect("a config");
    };
    limited(1_000.0);
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    let finished = ran.named("run_finished");
    let run = finished[0]["run"].as_str().expect("a run");
    let shown = bench.belay(&["runs", "show", run, "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let spent = shown["usd"].as_f64().expect("a cost");
    assert!(spent > 0.0, "{shown}");
    // Not enough is left of the day for another call.
    limited(spent + 0.000_001);
    let before = server.request_count();
    let again = bench.belay(&["run", "--fresh", "001", "--format", "json"]).await.exits(0);
    assert_eq!(again.named("run_finished")[0]["status"], "degraded", "{}", again.stderr);
    assert_eq!(again.named("budget_exhausted").len(), 1, "{}", again.stderr);
    assert_eq!(server.request_count(), before);
    server.stop().await;
}
