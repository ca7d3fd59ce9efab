//! Killed at every point around a pull request: afterwards there is one, and
//! it says how the run ended.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use simulated_github::{Act, Fault, Recorded};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Scene, TOKEN, put_off, status};
use crate::harness::finish;

/// Cases side by side; most of their time is the second between two writes.
const AT_ONCE: usize = 4;

/// Waits for a request.
async fn asked(scene: &Scene, method: &str, path: &str) {
    let is_it = |request: &Recorded| request.method == method && request.target.ends_with(path);
    loop {
        let requests = scene.github.requests();
        if requests.iter().any(is_it) {
            return;
        }
        scene.github.wait_for_requests(requests.len() + 1).await;
    }
}

/// Goes on until the run has ended, and looks.
async fn one_in_the_end(scene: Scene, killed_at: &str) {
    scene.github.heal();
    let ran = scene.run().await;
    if !ran.events().is_empty() && !ran.named("run_finished").is_empty() {
        assert_eq!(status(&ran), "completed", "{killed_at}: {}", ran.stderr);
    }
    let (issue, pull) = scene.only();
    assert!(issue.body.contains("The run is completed."), "{killed_at}: {}", issue.body);
    assert!(!pull.draft && !issue.closed, "{killed_at}");
    scene.end().await;
}

/// What was asked is done or not, and belay does not live to learn it.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_while_github_answers_leaves_one() {
    let requests = [("POST", "/pulls"), ("PATCH", "/pulls/1"), ("POST", "/graphql")];
    let cases = requests.map(|request| [Act::KeepAnswer, Act::Hang].map(|act| (request, act)));
    let case = |((method, path), act): ((&'static str, &'static str), Act)| async move {
        let scene = Scene::quiet("draft").await;
        scene.github.fault(Fault::on(method, path, act.clone()));
        let mut command = scene.bench.command(&["run", "001", "--format", "json"]);
        let mut child = command.env("GITHUB_TOKEN", TOKEN).spawn().expect("belay");
        asked(&scene, method, path).await;
        child.kill().await.expect("killed");
        one_in_the_end(scene, &format!("{method} {path} {act:?}")).await;
    };
    stream::iter(cases.into_iter().flatten()).for_each_concurrent(AT_ONCE, case).await;
}

/// Trap 35: a GitHub that is silent keeps no process that is to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_the_answer() {
    let scene = Scene::quiet("draft").await;
    scene.github.fault(Fault::on("POST", "/pulls", Act::KeepAnswer));
    let mut command = scene.bench.command(&["run", "001", "--format", "json"]);
    let child = command.env("GITHUB_TOKEN", TOKEN).spawn().expect("belay");
    asked(&scene, "POST", "/pulls").await;
    scene.bench.kill("-TERM", &child.id().expect("a process").to_string());
    let ended = tokio::time::timeout(Duration::from_secs(8), finish(child)).await;
    let ran = ended.expect("an end while GitHub is silent").exits(0);
    assert_eq!(status(&ran), "interrupted", "{}", ran.stderr);
    assert_eq!(put_off(&ran), ["an end was asked for"]);
    one_in_the_end(scene, "SIGTERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_after_any_event_leaves_one() {
    let points = [
        ("milestone_committed", 1),
        ("branch_pushed", 1),
        ("pull_request_opened", 1),
        ("checkpoint_saved", 1),
        ("branch_pushed", 3),
        ("pull_request_updated", 2),
        ("pull_request_updated", 3),
        ("run_finished", 1),
    ];
    let case = |(name, nth): (&'static str, i32)| async move {
        let scene = Scene::quiet("draft").await;
        let mut command = scene.bench.command(&["run", "001", "--format", "json"]);
        let mut child = command.env("GITHUB_TOKEN", TOKEN).spawn().expect("belay");
        let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
        let (mark, mut seen) = (format!("\"event\":\"{name}\""), 0);
        while seen < nth {
            // A run that has no such event ends without one.
            let Some(line) = lines.next_line().await.expect("a line") else { break };
            seen += i32::from(line.contains(&mark));
        }
        child.kill().await.expect("killed");
        one_in_the_end(scene, &format!("{name} {nth}")).await;
    };
    stream::iter(points).for_each_concurrent(AT_ONCE, case).await;
}
