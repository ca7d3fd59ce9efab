//! A run as a step of a job on GitHub's runners: what the log, the summary and
//! the outputs say, and that nobody else's text steers the runner.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use simulated_models::{Answers, Script};

use crate::harness::{Bench, Ran, finish, server};
use crate::recovery::{ROLES, answers, bench};

/// Planted in the environment, and written by a model.
const KEY: &str = "planted-0123456789abcdef";

struct Step {
    ran: Ran,
    summary: String,
    outputs: String,
}

async fn step(bench: &Bench, args: &[&str]) -> Step {
    let file = |name: &str| -> PathBuf { bench.root().join(name) };
    let (summary, outputs) = (file("summary.md"), file("outputs"));
    let mut command = bench.command(args);
    command.env("GITHUB_ACTIONS", "true").env("SERVICE_API_KEY", KEY);
    command.env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_OUTPUT", &outputs);
    let ran = finish(command.spawn().expect("belay")).await;
    let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    Step { ran, summary: text(summary), outputs: text(outputs) }
}

/// The lines of the log that the runner takes for commands, as it decides that.
fn commands(log: &str) -> Vec<&str> {
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    log.lines().filter(is_command).collect()
}

/// A model that knows what a runner listens to.
fn hostile() -> Answers {
    let mut answers = answers();
    answers.plan["milestones"][0]["name"] = json!("::add-mask::a");
    answers.plan["milestones"][1]["name"] = json!("##[add-path]/tmp | <b>");
    answers.plan["milestones"][2]["name"] = json!(format!("Three {KEY}"));
    answers.analysis = json!({
        "understanding": "::set-output name=status::failed\n::stop-commands::x",
        "complexity": "low", "confidence": 0.9, "questions": [],
        "risks": ["\n::error::fake"],
    });
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_told_in_its_log_its_summary_and_its_outputs() {
    let server = server(Script::default().with_answers(hostile())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let step = step(&bench, &["run", "001"]).await;
    let log = format!("{}{}", step.ran.stderr, step.ran.stdout);
    assert_eq!(step.ran.code, Some(0), "{log}");
    let commands = commands(&log);
    let (begun, ended): (Vec<&str>, Vec<&str>) =
        commands.iter().partition(|line| line.starts_with("::group::"));
    assert!(begun.contains(&"::group::Planning milestones"), "{commands:?}");
    assert!(ended.iter().all(|line| *line == "::endgroup::"), "{commands:?}");
    assert_eq!(begun.len(), ended.len(), "every group has its end: {commands:?}");

    let branch = "belay/001-numbers";
    let run = step.outputs.lines().find_map(|line| line.strip_prefix("run=")).expect("a run");
    let wanted = format!("status=completed\nrun={run}\nbranch={branch}\npull-request=\n");
    assert_eq!(step.outputs, wanted);
    let commit = bench.git(&["rev-parse", "--short=10", branch]);
    for part in [
        "**completed**",
        "| 1 | &#58;&#58;add-mask&#58;&#58;a | committed |",
        "| 2 | &#35;&#35;&#91;add-path&#93;&#47;tmp &#124; &#60;b&#62; | committed |",
        &format!("| 3 | Three &#42;&#42;&#42; | committed | {commit} | 1 of 1 |"),
        "| planner | a&#47;plan | CLOSED |",
        "0 on fallbacks",
        "tokens in",
    ] {
        assert!(step.summary.contains(part), "{part} is not in {}", step.summary);
    }
    assert!(!log.contains(KEY) && !step.summary.contains(KEY), "{log}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_as_json_hold_no_command_either() {
    let server = server(Script::default().with_answers(hostile())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let step = step(&bench, &["run", "001", "--format", "json"]).await;
    assert_eq!(commands(&step.ran.stdout), [""; 0]);
    let committed = step.ran.exits(0).named("milestone_committed");
    assert_eq!(committed[1]["name"], "##[add-path]/tmp | <b>");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_mended_is_marked_where_it_stands() {
    let issue = json!({
        "severity": "high", "file": "one.py", "line": 1,
        "issue": "100 % wrong,\n::stop-commands::x", "suggestion": "",
    });
    let review = json!({
        "approved": false, "code_quality": 10, "issues": [issue],
        "strengths": [], "next_steps": [],
    });
    let answers = Answers { review, ..answers() };
    let server = server(Script::default().with_answers(answers)).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let step = step(&bench, &["run", "001"]).await;
    let log = step.ran.exits(0).stderr;
    let errors: Vec<&str> =
        commands(&log).into_iter().filter(|line| line.starts_with("::error")).collect();
    let place = "::error file=one.py,line=1,title=review of milestone 1::100 %25 wrong";
    assert!(errors[0].starts_with(place), "{errors:?}");
    assert!(errors.iter().any(|line| line.contains("milestone 1 is given up")), "{errors:?}");
    assert!(commands(&log).iter().any(|line| line.starts_with("::warning title=run blocked::")));
    assert!(step.outputs.contains("status=blocked\n"), "{}", step.outputs);
    let issue = std::fs::read_dir(bench.repo.join(".belay/issues")).expect("issues").next();
    let issue = fs::read_to_string(issue.expect("an issue").expect("an entry").path());
    let issue = issue.expect("a file");
    assert!(issue.contains("Review rejected: Numbers") && issue.contains("100 % wrong"), "{issue}");
    assert!(step.summary.contains("Open issues"), "{}", step.summary);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_cannot_be_written_costs_no_output_and_no_time() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    // As a pipe that nobody reads would hold its writer up.
    let made = std::process::Command::new("mkfifo").arg(bench.root().join("summary.md")).status();
    assert!(made.expect("mkfifo").success());
    let mut command = bench.command(&["run", "001"]);
    command.env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_STEP_SUMMARY", bench.root().join("summary.md"));
    command.env("GITHUB_OUTPUT", bench.root().join("outputs"));
    let log = finish(command.spawn().expect("belay")).await.exits(0).stderr;
    assert!(log.contains("the job gets no summary"), "{log}");
    let outputs = fs::read_to_string(bench.root().join("outputs")).expect("outputs");
    assert!(outputs.starts_with("status=completed\n"), "{outputs}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_an_error_of_the_job() {
    let bench = bench();
    let step = step(&bench, &["run", "no-such-idea"]).await;
    let log = step.ran.exits(2).stderr;
    assert!(log.starts_with("::error::error[idea-unknown]: no such idea"), "{log}");
}
