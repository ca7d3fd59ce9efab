//! How a run ends that cannot go on now: at once, with its state saved, and
//! with one issue that says how to go on.

mod lease;
mod odds;
mod stubborn;
mod triggers;

use serde_json::Value;
use simulated_models::{Answers, Fault, ModelScript, Script, Server, Step};

use crate::harness::{Bench, Ran, finish, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\", deadline_reserve: 1s }\n";

fn bench(server: &Server) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "true\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
    ]);
    bench.config(server, ROLES);
    bench
}

fn answers() -> Answers {
    Answers::creating([("one.py", "N = 1\n")])
}

/// A reviewer that never says a word.
fn silent() -> Script {
    let silent = ModelScript::steps([Step::always(Fault::Stall { after_chunks: 0 })]);
    Script::with_model("review", silent).with_answers(answers())
}

fn recoveries(ran: &Ran) -> Vec<Value> {
    let created = ran.named("issue_created").into_iter();
    created.filter(|event| event["kind"] == "recovery").collect()
}

/// The process is asked to stop once the reviewer was asked.
async fn stopped(bench: &Bench, server: &Server, signal: &str, requests: usize) -> Ran {
    let child = bench.command(&["run", "001", "--format", "json"]).spawn().expect("belay");
    server.wait_for_requests(requests).await;
    bench.kill(signal, &child.id().expect("a process").to_string());
    finish(child).await.exits(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signal_ends_with_the_state_saved_and_one_issue_that_is_kept_current() {
    let server = server(silent()).await;
    let bench = bench(&server);
    let mut url = None;
    for (requests, signal) in (4..).zip(["-TERM", "-INT", "-HUP"]) {
        let ran = stopped(&bench, &server, signal, requests).await;
        let names: Vec<Value> = ran.events().iter().map(|event| event["event"].clone()).collect();
        let at = |name: &str| names.iter().position(|found| found == name);
        assert!(at("shutdown_requested") < at("checkpoint_saved"), "{names:?}");
        assert_eq!(names.iter().filter(|name| *name == "shutdown_requested").count(), 1);
        assert_eq!(names.last().and_then(Value::as_str), Some("run_finished"));
        let made = recoveries(&ran);
        match &url {
            None => url = made[0]["url"].as_str().map(str::to_owned),
            Some(_) => assert!(made.is_empty(), "one is enough: {made:?}"),
        }
        let file = bench.repo.join(url.as_deref().expect("an issue"));
        let issue = std::fs::read_to_string(file).expect("the issue");
        let name = format!("SIG{}", &signal[1..]);
        assert!(issue.contains(&name) && issue.contains("belay resume"), "{issue}");
        assert!(issue.contains("belay:recovery") && issue.contains("state: open"), "{issue}");
        assert!(ran.stderr.contains("belay resume"), "{}", ran.stderr);
    }
    server.set_script(Script::default().with_answers(answers()));
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let closed = std::fs::read_to_string(bench.repo.join(url.expect("an issue"))).expect("it");
    assert!(closed.contains("state: closed"), "{closed}");
    server.stop().await;
}

/// The normal end of an hourly run.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_ends_a_run_like_a_signal() {
    let server = server(silent()).await;
    let bench = bench(&server);
    let run = ["run", "001", "--timeout", "3s", "--format", "json"];
    let first = bench.belay(&run).await.exits(0);
    assert_eq!(first.named("shutdown_requested")[0]["trigger"], "time limit", "{}", first.stderr);
    assert_eq!(recoveries(&first).len(), 1);
    let second = bench.belay(&run).await.exits(0);
    assert_eq!(second.named("run_finished")[0]["status"], "interrupted");
    assert!(recoveries(&second).is_empty());
    server.stop().await;
}

/// What kills the process that does it is not done for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_ends_five_processes_parks_the_run() {
    let server = server(silent()).await;
    let bench = bench(&server);
    for requests in 4..9 {
        let mut child = bench.command(&["run", "001"]).spawn().expect("belay");
        server.wait_for_requests(requests).await;
        child.kill().await.expect("killed");
    }
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "blocked", "{}", ran.stderr);
    let reason = ran.named("run_parked")[0]["reason"].to_string();
    assert!(reason.contains("reviewing"), "{reason}");
    assert_eq!(ran.named("issue_created")[0]["kind"], "blocked");
    server.stop().await;
}
