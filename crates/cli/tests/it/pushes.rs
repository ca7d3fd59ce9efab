//! The branch on a remote: a bare repository beside the person's.

use simulated_models::Script;

use crate::harness::{Bench, Ran, finish, server};
use crate::recovery::{ROLES, answers, bench};

const BRANCH: &str = "belay/001-numbers";

/// The run's config with a remote `origin`, whose path comes back.
fn with_remote(bench: &Bench, server: &simulated_models::Server) -> std::path::PathBuf {
    let pushing = ROLES.replace("run: {", "run: { push: origin,");
    bench.config(server, &pushing);
    let remote = bench.root().join("remote.git");
    let path = remote.to_str().expect("a path").to_owned();
    bench.git(&["init", "-q", "--bare", &path]);
    bench.git(&["remote", "add", "origin", &path]);
    remote
}

/// Where the branch stands on the remote.
fn there(bench: &Bench) -> String {
    let listed = bench.git(&["ls-remote", "origin", &format!("refs/heads/{BRANCH}")]);
    listed.split('\t').next().unwrap_or_default().to_owned()
}

fn here(bench: &Bench) -> String {
    bench.git(&["rev-parse", BRANCH])
}

fn pushed(ran: &Ran) -> Vec<String> {
    let events = ran.named("branch_pushed").into_iter();
    events.map(|event| event["commit"].as_str().expect("a commit").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_milestone_is_pushed_once_it_is_committed_and_nothing_else() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    let remote = with_remote(&bench, &server);
    bench.git(&["tag", "v1"]);
    bench.git(&["config", "push.followTags", "true"]);
    let hook = bench.repo.join(".git/hooks/pre-push");
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").expect("a hook");
    bench.git(&["config", "core.fileMode", "true"]);
    std::process::Command::new("chmod").args(["+x"]).arg(&hook).status().expect("chmod");
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    let commits = bench.git(&["rev-list", "--reverse", &format!("main..{BRANCH}")]);
    assert_eq!(pushed(&ran), commits.lines().collect::<Vec<_>>(), "{}", ran.stderr);
    let names: Vec<_> = ran.events().iter().map(|event| event["event"].clone()).collect();
    let at = |name: &str| names.iter().position(|found| found == name).expect(name);
    assert!(at("milestone_committed") < at("branch_pushed"));
    let refs = bench.git(&["-C", remote.to_str().expect("a path"), "for-each-ref"]);
    assert_eq!(refs.lines().count(), 1, "{refs}");
    assert_eq!(there(&bench), here(&bench));
    let again = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert!(again.named("branch_pushed").is_empty());
    server.stop().await;
}

/// What could not be pushed is pushed by any later process, also when nothing else is to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_put_off_is_made_by_a_later_process() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    let remote = with_remote(&bench, &server);
    let away = bench.root().join("away.git");
    std::fs::rename(&remote, &away).expect("moved");
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let deferred = ran.named("effect_deferred");
    assert_eq!(deferred.len(), 3, "each milestone tries anew: {deferred:?}");
    assert!(deferred.iter().all(|event| event["effect"] == "push"));
    let shown = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0).stdout;
    assert!(shown.contains(r#""put_off":[{"effect":"push""#), "{shown}");
    let still = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(still.named("effect_deferred").len(), 1, "{}", still.stderr);
    std::fs::rename(&away, &remote).expect("moved back");
    let later = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(pushed(&later), [here(&bench)], "{}", later.stderr);
    assert_eq!(there(&bench), here(&bench));
    let asked = server.request_count();
    let seqs: Vec<u64> = [&ran, &still, &later]
        .iter()
        .flat_map(|ran| ran.events())
        .map(|event| event["seq"].as_u64().expect("a number"))
        .collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");
    let last = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert!(last.events().is_empty(), "{}", last.stdout);
    assert_eq!(server.request_count(), asked);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_commits_on_the_remote_are_left_alone() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    let remote = with_remote(&bench, &server);
    let clone = bench.root().join("clone");
    let clone = clone.to_str().expect("a path");
    bench.git(&["clone", "-q", remote.to_str().expect("a path"), clone]);
    let identity = ["-C", clone, "-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
    bench.git(&[&identity[..], &["commit", "-q", "--allow-empty", "-m", "theirs"]].concat());
    bench.git(&["-C", clone, "push", "-q", "origin", &format!("HEAD:refs/heads/{BRANCH}")]);
    let theirs = there(&bench);
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let reason = ran.named("effect_deferred")[0]["reason"].to_string();
    assert!(reason.contains(&theirs) && reason.contains("left alone"), "{reason}");
    assert_eq!(there(&bench), theirs);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_pushes_what_is_not_pushed_yet() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    let remote = with_remote(&bench, &server);
    let away = bench.root().join("away.git");
    std::fs::rename(&remote, &away).expect("moved");
    let mut one = bench.command(&["run", "001", "--format", "json"]);
    let one = finish(one.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    assert_eq!(one.named("effect_deferred").len(), 1, "{}", one.stderr);
    std::fs::rename(&away, &remote).expect("moved back");
    let mut none = bench.command(&["resume", "--format", "json"]);
    let none = finish(none.env("MAX_ITERATIONS", "0").spawn().expect("belay")).await.exits(0);
    assert_eq!(pushed(&none), [here(&bench)], "{}", none.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_is_not_there_is_a_mistake_of_the_config() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    with_remote(&bench, &server);
    bench.git(&["remote", "remove", "origin"]);
    let ran = bench.belay(&["run", "001"]).await.exits(2);
    assert!(ran.stderr.contains("no remote origin"), "{}", ran.stderr);
    assert!(!bench.repo.join(".git/belay").exists());
    assert_eq!(server.request_count(), 0);
    server.stop().await;
}

/// A rebase moves the branch to commits that do not build on what was pushed.
#[tokio::test(flavor = "multi_thread")]
async fn what_this_run_pushed_may_be_moved_on_by_a_rebase() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    with_remote(&bench, &server);
    bench.config(&server, &ROLES.replace("run: {", "run: { update: rebase, push: origin,"));
    let mut one = bench.command(&["run", "001", "--format", "json"]);
    let one = finish(one.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    assert_eq!(pushed(&one), [there(&bench)], "{}", one.stderr);
    bench.git(&["commit", "-q", "--allow-empty", "-m", "by the person"]);
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    assert!(ran.named("effect_deferred").is_empty(), "{}", ran.stderr);
    assert_eq!(pushed(&ran).len(), 3);
    assert_eq!(there(&bench), here(&bench));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_hangs_holds_no_end_up() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    with_remote(&bench, &server);
    bench.git(&["remote", "set-url", "origin", "ssh://ada:s3cret@localhost/repo.git"]);
    bench.git(&["config", "core.sshCommand", "sleep 600; :"]);
    let mut child = bench.command(&["run", "001", "--format", "json"]).spawn().expect("belay");
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    let mut told = String::new();
    while !told.contains(r#""step":"push""#) {
        told = lines.next_line().await.expect("a line").expect("another event");
    }
    bench.kill("-TERM", &child.id().expect("a process").to_string());
    let mut rest = Vec::new();
    while let Some(line) = lines.next_line().await.expect("a line") {
        rest.push(line);
    }
    finish(child).await.exits(0);
    let deferred = rest.iter().filter(|line| line.contains(r#""effect":"push""#)).count();
    assert_eq!(deferred, 1, "{rest:?}");
    assert!(rest.last().expect("an end").contains(r#""status":"interrupted""#), "{rest:?}");
    assert!(!rest.concat().contains("s3cret"));
    server.stop().await;
}
