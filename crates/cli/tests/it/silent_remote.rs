//! A remote that takes a connection and never says a word: however short the
//! time limit, the process ends by itself, in its ordinary way, and not by the
//! last resort that ends whatever hangs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use simulated_models::{Script, Server};

use crate::harness::{Bench, Ran, server};
use crate::recovery::{ROLES, answers, bench};

/// A repository whose remote takes so many pushes; the one after them hangs.
async fn with_remote(rest: &str, pushes: usize) -> (Server, Bench) {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, &format!("{ROLES}{rest}"));
    let remote = bench.root().join("remote.git");
    let path = remote.to_str().expect("a path");
    bench.git(&["init", "-q", "--bare", path]);
    bench.git(&["remote", "add", "origin", path]);
    let hook = remote.join("hooks/pre-receive");
    let count = "echo push >> pushes\n[ $(wc -l < pushes) -le $(cat most) ] || exec sleep 600\n";
    fs::write(&hook, format!("#!/bin/sh\n{count}")).expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::write(remote.join("most"), pushes.to_string()).expect("a file");
    (server, bench)
}

/// From now on nobody answers there at all.
fn silence(bench: &Bench) {
    bench.git(&["remote", "set-url", "origin", "ssh://ada@localhost/repo.git"]);
    bench.git(&["config", "core.sshCommand", "sleep 600; :"]);
}

async fn run_for(bench: &Bench, timeout: &str) -> Ran {
    let ran = bench.belay(&["run", "001", "--timeout", timeout, "--format", "json"]).await.exits(0);
    assert!(!ran.stderr.contains("something hangs"), "{}", ran.stderr);
    ran
}

fn status(ran: &Ran) -> Value {
    ran.named("run_finished").pop().map(|event| event["status"].clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_hangs_is_put_off_at_the_time_limit() {
    for (rest, timeout) in [("", "3s"), ("store: { mirror: origin }\n", "6s")] {
        let (server, bench) = with_remote(rest, 0).await;
        let roles = ROLES.replace("run: {", "run: { push: origin,");
        bench.config(&server, &format!("{roles}{rest}"));
        let ran = run_for(&bench, timeout).await;
        assert_eq!(status(&ran), "interrupted", "{}", ran.stdout);
        assert_eq!(ran.named("shutdown_requested")[0]["trigger"], "time limit", "{rest}");
        assert!(!ran.named("effect_deferred").is_empty(), "{}", ran.stdout);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_cannot_be_asked_for_runs_does_not_use_up_the_time() {
    let (server, bench) = with_remote("store: { mirror: origin }\n", 0).await;
    silence(&bench);
    let ran = run_for(&bench, "3s").await;
    assert!(ran.stderr.contains("origin cannot be asked for runs"), "{}", ran.stderr);
    assert_eq!(status(&ran), "interrupted", "{}", ran.stderr);
    server.stop().await;
}

/// The run is done; only its last rows are not there yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_hangs_at_the_end_is_left_to_the_next_process() {
    let mirror = "store: { mirror: origin }\n";
    let (server, bench) = with_remote(mirror, 1000).await;
    run_for(&bench, "3m").await;
    let pushes = fs::read_to_string(bench.root().join("remote.git/pushes")).expect("pushes");
    server.stop().await;

    let (server, bench) = with_remote(mirror, pushes.lines().count() - 1).await;
    let ran = run_for(&bench, "12s").await;
    assert_eq!(status(&ran), "completed", "{}", ran.stdout);
    assert!(ran.named("effect_deferred").is_empty(), "only the last one hangs: {}", ran.stdout);
    fs::write(bench.root().join("remote.git/most"), "1000").expect("a file");
    let there = || bench.git(&["ls-remote", "origin", "refs/belay/runs/*"]);
    let before = there();
    run_for(&bench, "3m").await;
    assert_ne!(there(), before, "the rest is brought there");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_ended_run_owes_does_not_use_up_the_time() {
    let (server, bench) = with_remote("", 1000).await;
    let away = bench.root().join("away.git");
    fs::rename(bench.root().join("remote.git"), &away).expect("moved");
    bench.config(&server, &ROLES.replace("run: {", "run: { push: origin,"));
    let ran = run_for(&bench, "3m").await;
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    silence(&bench);
    let ran = run_for(&bench, "3s").await;
    assert!(ran.stderr.contains("put off takes too long"), "{}", ran.stderr);
    server.stop().await;
}
