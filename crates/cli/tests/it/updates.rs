//! The base moves on between two processes of a run: `run.update` says what
//! becomes of the branch. Whatever it is, the person's checkout stays.

use serde_json::Value;
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server};

use crate::harness::{Bench, Ran, finish, server};
use crate::recovery::{ROLES, answers, bench};

const BRANCH: &str = "belay/001-numbers";

fn config(bench: &Bench, server: &Server, update: &str) {
    bench.config(server, &ROLES.replace("run: {", &format!("run: {{ update: {update},")));
}

/// A run that has its first milestone, with the config for later.
async fn stopped_after_one(update: &str) -> (Bench, Server) {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    config(&bench, &server, update);
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let ran = finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
    (bench, server)
}

/// The person commits to main.
fn main_gets(bench: &Bench, files: &[(&str, &str)]) {
    for (path, content) in files {
        bench.write(path, content);
        bench.git(&["add", path]);
    }
    bench.git(&["commit", "-q", "-m", "by the person"]);
}

/// Goes on to the end, with nothing of the person's touched.
async fn completed(bench: &Bench) -> Ran {
    let before = bench.persons_things();
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(bench.persons_things(), before);
    ran
}

fn is_on_main(bench: &Bench) -> bool {
    bench.git(&["rev-list", &format!("{BRANCH}..main")]).is_empty()
}

fn subjects(bench: &Bench, range: &str) -> String {
    bench.git(&["log", "--first-parent", "--format=%s", range])
}

/// A script whose coders say something else in later rounds.
fn then(changes: &[(&str, FileAnswer)]) -> Script {
    let round = changes.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone()));
    Script::default().with_answers(Answers { changes_rounds: vec![round.collect()], ..answers() })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_base_is_merged_before_the_next_milestone_and_the_tests_are_run_on_it() {
    let (bench, server) = stopped_after_one("merge").await;
    main_gets(&bench, &[("main.txt", "new\n")]);
    let ran = completed(&bench).await;
    assert!(is_on_main(&bench));
    assert_eq!(
        subjects(&bench, &format!("main..{BRANCH}")),
        "Milestone 3/3: Three\nMilestone 2/3: Two\nMerge main\nMilestone 1/3: One"
    );
    let names: Vec<Value> = ran.events().iter().map(|event| event["event"].clone()).collect();
    let at = |name: &str| names.iter().position(|found| found == name).expect(name);
    assert!(at("base_moved") < at("tests_passed") && at("tests_passed") < at("base_updated"));
    assert!(at("base_updated") < at("milestone_committed"));
    let body = bench.git(&["log", "--format=%B", "-1", &format!("{BRANCH}~2")]);
    assert!(body.contains("Belay-Run: ") && body.contains("Belay-Step: update-4"), "{body}");
    assert_eq!(server.request_count(), 2 + 3 + 2 + 2, "nobody is asked about what git can do");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebase_makes_the_commits_anew_on_top_of_the_base() {
    let (bench, server) = stopped_after_one("rebase").await;
    let before = bench.git(&["rev-parse", BRANCH]);
    main_gets(&bench, &[("main.txt", "new\n")]);
    completed(&bench).await;
    assert!(is_on_main(&bench));
    assert_eq!(
        subjects(&bench, &format!("main..{BRANCH}")),
        "Milestone 3/3: Three\nMilestone 2/3: Two\nMilestone 1/3: One"
    );
    let first = bench.git(&["rev-parse", &format!("{BRANCH}~2")]);
    assert_ne!(first, before);
    let told = |rev: &str| bench.git(&["log", "-1", "--format=%an|%ae|%ad|%B", rev]);
    assert_eq!(told(&first), told(&before));
    let shown = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let run = shown["runs"][0]["run"].as_str().expect("an id").to_owned();
    let shown = bench.belay(&["runs", "show", &run, "--format", "json"]).await.exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["milestones"][0]["commit"], first.as_str());
    assert_eq!(shown["base"], bench.git(&["rev-parse", "main"]).as_str());
    server.stop().await;
}

/// In both ways: a rebase with a conflict becomes a merge.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_becomes_a_work_item() {
    for update in ["merge", "rebase"] {
        let (bench, server) = stopped_after_one(update).await;
        main_gets(&bench, &[("one.py", "# by hand\n")]);
        server.set_script(then(&[("one.py", FileAnswer::modify("# by hand\n# one.py\n"))]));
        let ran = completed(&bench).await;
        assert_eq!(ran.named("base_moved")[0]["files"][0], "one.py");
        assert_eq!(bench.show(BRANCH, "one.py"), "# by hand\n# one.py");
        assert!(is_on_main(&bench));
        let body = bench.git(&["log", "--format=%B", "-1", &format!("{BRANCH}~2")]);
        assert!(body.starts_with("Merge main") && body.contains("Belay-Model: a/code"), "{body}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_nobody_resolves_leaves_the_branch_on_its_base() {
    let (bench, server) = stopped_after_one("merge").await;
    main_gets(&bench, &[("one.py", "# by hand\n")]);
    let marked = "<<<<<<< ours\n# one.py\n=======\n# by hand\n>>>>>>> main\n";
    server.set_script(then(&[("one.py", FileAnswer::modify(marked))]));
    let ran = completed(&bench).await;
    assert_eq!(ran.named("base_refused").len(), 1, "{}", ran.stderr);
    assert!(!is_on_main(&bench));
    assert_eq!(bench.show(BRANCH, "one.py"), "# one.py");
    assert_eq!(
        subjects(&bench, &format!("main..{BRANCH}")),
        "Milestone 3/3: Three\nMilestone 2/3: Two\nMilestone 1/3: One"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_red_on_the_newer_base_is_mended_with_the_update() {
    for (update, subject) in [("merge", "Merge main"), ("rebase", "Fit the work to main")] {
        let (bench, server) = stopped_after_one(update).await;
        main_gets(&bench, &[("check.sh", "! test -f one.py || grep -q new one.py\n")]);
        server.set_script(then(&[("one.py", FileAnswer::modify("# new\n"))]));
        let ran = completed(&bench).await;
        assert!(!ran.named("tests_failed").is_empty(), "{}", ran.stderr);
        assert!(is_on_main(&bench));
        assert_eq!(bench.show(BRANCH, "one.py"), "# new");
        assert_eq!(
            subjects(&bench, &format!("main..{BRANCH}")),
            format!("Milestone 3/3: Three\nMilestone 2/3: Two\n{subject}\nMilestone 1/3: One")
        );
        server.stop().await;
    }
}

/// What the base brings is not blamed on the work.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_red_itself_is_taken_as_it_is() {
    let (bench, server) = stopped_after_one("merge").await;
    main_gets(&bench, &[("check.sh", "echo 'test always ... FAILED'; exit 1\n")]);
    let ran = completed(&bench).await;
    assert!(is_on_main(&bench), "{}", ran.stderr);
    assert_eq!(server.request_count(), 2 + 3 + 2 + 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_on_a_remote_is_fetched_and_no_ref_of_the_person_moves() {
    let (bench, server) = stopped_after_one("merge").await;
    let remote = bench.root().join("remote.git");
    let remote = remote.to_str().expect("a path");
    bench.git(&["clone", "-q", "--bare", ".", remote]);
    bench.git(&["remote", "add", "origin", remote]);
    bench.git(&["fetch", "-q", "origin"]);
    bench.git(&["branch", "-q", "-u", "origin/main", "main"]);
    let clone = bench.root().join("clone");
    let clone = clone.to_str().expect("a path");
    bench.git(&["clone", "-q", remote, clone]);
    std::fs::write(format!("{clone}/theirs.txt"), "theirs\n").expect("a file");
    let identity = ["-C", clone, "-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
    bench.git(&["-C", clone, "add", "-A"]);
    bench.git(&[&identity[..], &["commit", "-q", "-m", "theirs"]].concat());
    bench.git(&["-C", clone, "push", "-q", "origin", "main"]);
    completed(&bench).await;
    assert_eq!(bench.show(BRANCH, "theirs.txt"), "theirs");

    // And one that cannot be reached is no reason to stop.
    let server_two = stopped_after_one("merge").await;
    let (bench, server_two) = server_two;
    bench.git(&["remote", "add", "origin", &format!("{remote}.gone")]);
    bench.git(&["config", "branch.main.remote", "origin"]);
    bench.git(&["config", "branch.main.merge", "refs/heads/main"]);
    main_gets(&bench, &[("main.txt", "new\n")]);
    let ran = completed(&bench).await;
    assert!(ran.named("warned")[0]["message"].to_string().contains("origin cannot be asked"));
    assert!(is_on_main(&bench));
    server_two.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_commit_begins_from_the_newer_base() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    config(&bench, &server, "rebase");
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    finish(command.env("MAX_ITERATIONS", "0").spawn().expect("belay")).await.exits(0);
    main_gets(&bench, &[("main.txt", "new\n")]);
    let ran = completed(&bench).await;
    assert_eq!(ran.named("base_updated").len(), 1, "{}", ran.stderr);
    assert!(ran.named("base_moved").is_empty());
    assert_eq!(
        bench.git(&["rev-parse", &format!("{BRANCH}~3")]),
        bench.git(&["rev-parse", "main"])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_itself_a_branch_stays_on_the_base_that_it_began_from() {
    let (bench, server) = stopped_after_one("none").await;
    main_gets(&bench, &[("main.txt", "new\n")]);
    let ran = completed(&bench).await;
    assert!(ran.named("base_moved").is_empty() && !is_on_main(&bench));
    server.stop().await;
}

/// Killed after the n-th event of the process that updates, and taken up again: the same tree,
/// subjects and remote as without a kill, nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_killed_anywhere_is_made_once() {
    let undisturbed = update_killed_after(usize::MAX).await;
    // A prime stride comes by every kind of event; BELAY_CASES=1 takes each of them.
    let stride = std::env::var("BELAY_CASES").map_or(13, |_| 1);
    for event in (1..=undisturbed.events).step_by(stride) {
        let killed = update_killed_after(event).await;
        assert_eq!(killed.outcome, undisturbed.outcome, "killed after event {event}");
    }
}

struct Updated {
    events: usize,
    outcome: Vec<String>,
}

async fn update_killed_after(event: usize) -> Updated {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    let remote = bench.root().join("remote.git");
    bench.git(&["init", "-q", "--bare", remote.to_str().expect("a path")]);
    bench.git(&["remote", "add", "origin", remote.to_str().expect("a path")]);
    bench.config(&server, &ROLES.replace("run: {", "run: { update: rebase, push: origin,"));
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    main_gets(&bench, &[("check.sh", "! test -f one.py || grep -q new one.py\n")]);
    server.set_script(then(&[("one.py", FileAnswer::modify("# new\n"))]));
    let mut child = bench.command(&["resume", "--format", "json"]).spawn().expect("belay");
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    let mut events = 0;
    while events < event && lines.next_line().await.expect("a line").is_some() {
        events += 1;
    }
    if events == event {
        child.kill().await.expect("killed");
    }
    child.wait().await.expect("an end");
    // It may have ended by itself before the kill came.
    bench.belay(&["resume", "--format", "json"]).await.exits(0);
    let status = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0).stdout;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let rev = |rev: &str| bench.git(&["rev-parse", rev]);
    assert_eq!(
        bench.git(&["ls-remote", "origin"]),
        format!("{}\trefs/heads/{BRANCH}", rev(BRANCH)),
        "killed after event {event}"
    );
    let outcome = vec![
        status["runs"][0]["status"].to_string(),
        rev(&format!("{BRANCH}^{{tree}}")),
        subjects(&bench, &format!("main..{BRANCH}")),
        bench.git(&["rev-list", "--count", &format!("{BRANCH}..main")]),
    ];
    server.stop().await;
    Updated { events, outcome }
}

/// Each process may begin one milestone, and finds another base: it still gets on, and keeps none
/// of its own former commits as if somebody had made them.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_no_milestone_that_is_begun_and_leaves_nothing_behind() {
    let (bench, server) = stopped_after_one("rebase").await;
    for round in ["first", "second"] {
        main_gets(&bench, &[("main.txt", round)]);
        let mut only = bench.command(&["run", "--format", "json"]);
        let ran = finish(only.env("MAX_ITERATIONS", "0").spawn().expect("belay")).await.exits(0);
        assert_eq!(ran.named("base_updated").len(), 1, "{}", ran.stderr);
        let mut next = bench.command(&["run", "--format", "json"]);
        let ran = finish(next.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
        assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
    }
    assert!(is_on_main(&bench));
    assert_eq!(
        subjects(&bench, &format!("main..{BRANCH}")),
        "Milestone 3/3: Three\nMilestone 2/3: Two\nMilestone 1/3: One"
    );
    assert_eq!(bench.git(&["for-each-ref", "refs/belay/"]), "");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_no_model_was_there_for_is_tried_by_the_next_process() {
    let (bench, server) = stopped_after_one("merge").await;
    main_gets(&bench, &[("one.py", "# by hand\n")]);
    let down = ModelScript::failing(Fault::status(500));
    server.set_script(Script::with_model("code", down).with_answers(answers()));
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("base_refused")[0]["for_want_of_a_model"], true, "{}", ran.stderr);
    bench.belay(&["breaker", "reset"]).await.exits(0);
    server.set_script(then(&[("one.py", FileAnswer::modify("# by hand\n# one.py\n"))]));
    completed(&bench).await;
    assert!(is_on_main(&bench));
    server.stop().await;
}
