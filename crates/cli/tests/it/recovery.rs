//! Stopped and killed runs go on where they were, and only one process at a
//! time works on a run.

use std::time::Duration;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Step};

use crate::harness::{Bench, finish, server, until};

pub(crate) const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\" }\n";

pub(crate) fn answers() -> Answers {
    let milestone = |name: &str, files: &[&str]| json!({ "name": name, "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] });
    let plan = json!({
        "milestones": [milestone("One", &["one.py", "uno.py"]), milestone("Two", &["two.py"]), milestone("Three", &["three.py"])],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes = ["one.py", "uno.py", "two.py", "three.py"]
        .map(|file| (file.to_owned(), FileAnswer::create(format!("# {file}\n"))));
    Answers { plan, changes: changes.into(), ..Answers::default() }
}

pub(crate) fn bench() -> Bench {
    Bench::with_files([
        ("check.sh", "true\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
    ])
}

/// Every request of an undisturbed run, in order of asking.
const UNDISTURBED: usize = 2 + 2 + 1 + 1 + 1 + 1 + 1;

pub(crate) fn hanging_from(schema: &str, call: u64) -> ModelScript {
    ModelScript::steps([Step::schema(
        schema,
        Fault::AnswerAfter { delay: Duration::from_secs(60) },
    )
    .in_calls(call..)])
}

/// SIGKILL at the first request of each step: the next process does the rest,
/// asks nothing again that was answered, and ends with the same tree.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_and_asks_nothing_twice() {
    // The model that hangs, its schema, from which call, and the requests until then.
    let points = [
        ("plan", "analysis", 1, 1),
        ("plan", "plan", 1, 2),
        ("code", "changes", 1, 3),
        ("review", "review", 1, 5),
        ("code", "changes", 3, 6),
        ("review", "review", 3, 9),
    ];
    let mut trees = std::collections::BTreeSet::new();
    for (model, schema, call, until) in points {
        let server =
            server(Script::with_model(model, hanging_from(schema, call)).with_answers(answers()))
                .await;
        let bench = bench();
        bench.config(&server, ROLES);
        let mut child = bench.command(&["run", "001"]).spawn().expect("belay");
        server.wait_for_requests(until).await;
        child.kill().await.expect("killed");
        let heads = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
        let heads: Value = serde_json::from_str(&heads.stdout).expect("JSON");
        assert_eq!(heads["runs"][0]["status"], "interrupted", "killed at {schema} {call}");

        let asked = server.requests();
        let unanswered = asked
            .iter()
            .filter(|request| {
                request.model == model && matches!(request.fault, Fault::AnswerAfter { .. })
            })
            .count();
        server.set_script(Script::default().with_answers(answers()));
        let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
        assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
        let total = server.requests().len();
        // A coder beside the one that hung may have been answered and not yet written down.
        assert!(
            total <= UNDISTURBED + unanswered + 1,
            "killed at {schema} {call}: {total} requests, {unanswered} of them never answered"
        );
        let branch = "belay/001-numbers";
        trees.insert(bench.git(&["rev-parse", &format!("{branch}^{{tree}}")]));
        assert_eq!(
            bench.git(&["log", "--format=%s", &format!("main..{branch}")]),
            "Milestone 3/3: Three\nMilestone 2/3: Two\nMilestone 1/3: One"
        );
        server.stop().await;
    }
    assert_eq!(trees.len(), 1, "the same tree wherever it was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_cleanly_and_the_next_run_goes_on() {
    let server =
        server(Script::with_model("code", hanging_from("changes", 3)).with_answers(answers()))
            .await;
    let bench = bench();
    bench.config(&server, ROLES);
    let child = bench.command(&["run", "001", "--format", "json"]).spawn().expect("belay");
    server.wait_for_requests(6).await;
    let pid = child.id().expect("a process").to_string();
    bench.kill("-TERM", &pid);
    let stopped = finish(child).await.exits(0);
    assert!(stopped.stderr.contains("[GRACEFUL SHUTDOWN] SIGTERM received"), "{}", stopped.stderr);
    assert_eq!(stopped.named("shutdown_requested")[0]["trigger"], "SIGTERM");
    assert_eq!(stopped.named("run_finished")[0]["status"], "interrupted");
    assert!(
        stopped.named("attempt_failed").iter().all(|event| event["class"] == "cancelled"),
        "a stop is nobody's failure"
    );

    server.set_script(Script::default().with_answers(answers()));
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.events()[0]["event"], "run_resumed");
    assert_eq!(ran.named("run_finished")[0]["status"], "completed");
    let seqs: Vec<u64> = stopped
        .events()
        .iter()
        .chain(&ran.events())
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_is_a_clean_end() {
    let server =
        server(Script::with_model("code", hanging_from("changes", 1)).with_answers(answers()))
            .await;
    let bench = bench();
    bench.config(&server, ROLES);
    let ran = bench
        .belay(&["run", "001", "--timeout", "3s", "--strict", "--format", "json"])
        .await
        .exits(75);
    assert_eq!(ran.named("shutdown_requested")[0]["trigger"], "time limit");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_who_holds_the_run() {
    let server =
        server(Script::with_model("plan", hanging_from("analysis", 1)).with_answers(answers()))
            .await;
    let bench = bench();
    bench.config(&server, ROLES);
    let mut first = bench.command(&["run", "001"]).spawn().expect("belay");
    server.wait_for_requests(1).await;
    let pid = first.id().expect("a process").to_string();
    for args in [&["run", "001"][..], &["run"], &["resume"]] {
        let second = bench.belay(args).await.exits(4);
        assert!(second.stderr.contains(&pid), "{args:?}: {}", second.stderr);
    }
    assert_eq!(server.request_count(), 1);
    first.kill().await.expect("killed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_may_be_told_how_many_milestones_to_begin() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let ran = finish(
        bench
            .command(&["run", "001", "--format", "json"])
            .env("MAX_ITERATIONS", "1")
            .spawn()
            .expect("belay"),
    )
    .await
    .exits(0);
    assert_eq!(
        (ran.named("milestone_committed").len(), &ran.named("run_finished")[0]["status"]),
        (1, &json!("interrupted"))
    );
    let ran = finish(
        bench.command(&["run", "--format", "json"]).env("RESUME", "true").spawn().expect("belay"),
    )
    .await
    .exits(0);
    assert_eq!(
        (ran.named("milestone_committed").len(), &ran.named("run_finished")[0]["status"]),
        (2, &json!("completed"))
    );
    server.stop().await;
}

/// Thirty times: of two that start at the same moment one works, and the other
/// is told who does.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_the_same_moment_one_works() {
    let server = server(Script::with_model("plan", hanging_from("analysis", 1))).await;
    for round in 1..=30 {
        let bench = bench();
        bench.config(&server, ROLES);
        let start = || bench.command(&["run", "001"]).spawn().expect("belay");
        let (mut one, mut other) = (start(), start());
        let (loser, winner) = tokio::select! {
            _ = one.wait() => (one, other),
            _ = other.wait() => (other, one),
        };
        let loser = finish(loser).await.exits(4);
        let pid = winner.id().expect("the other still works").to_string();
        assert!(loser.stderr.contains(&pid), "round {round}: {}", loser.stderr);
        server.wait_for_requests(round).await;
        bench.kill("-TERM", &pid);
        finish(winner).await.exits(0);
        let heads = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
        let heads: Value = serde_json::from_str(&heads.stdout).expect("JSON");
        assert_eq!(heads["runs"].as_array().map(Vec::len), Some(1), "round {round}");
    }
    assert_eq!(server.request_count(), 30);
    server.stop().await;
}

/// A run that is interrupted after its first milestone, and what it was called.
async fn stopped_after_one(bench: &Bench) {
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let ran = finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
}

/// Commits a file on top of a commit without a checkout; gives the new commit.
fn commit_by_hand(bench: &Bench, onto: &str, path: &str) -> String {
    let tree = bench.root().join("by-hand");
    let tree = tree.to_str().expect("a path");
    bench.git(&["worktree", "add", "-q", "--detach", tree, onto]);
    std::fs::write(std::path::Path::new(tree).join(path), "by hand\n").expect("a file");
    bench.git(&["-C", tree, "add", "-A"]);
    bench.git(&["-C", tree, "commit", "-q", "-m", "by hand"]);
    let commit = bench.git(&["-C", tree, "rev-parse", "HEAD"]);
    bench.git(&["worktree", "remove", "--force", tree]);
    commit
}

/// Trap 29: what a person committed on the branch is built upon.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_commit_on_the_branch_is_built_upon() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    stopped_after_one(&bench).await;
    let branch = "belay/001-numbers";
    let by_hand = commit_by_hand(&bench, branch, "hand.txt");
    bench.git(&["update-ref", &format!("refs/heads/{branch}"), &by_hand]);
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("branch_adopted")[0]["to"], json!(by_hand));
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let subjects = bench.git(&["log", "--format=%s", &format!("main..{branch}")]);
    assert_eq!(subjects, "Milestone 3/3: Three\nMilestone 2/3: Two\nby hand\nMilestone 1/3: One");
    assert_eq!(bench.show(branch, "hand.txt"), "by hand");
    server.stop().await;
}

/// A branch that was taken elsewhere is left alone, and nobody is asked in vain.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_was_taken_elsewhere_is_left_alone() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    stopped_after_one(&bench).await;
    let branch = "belay/001-numbers";
    let elsewhere = commit_by_hand(&bench, "main", "hand.txt");
    bench.git(&["update-ref", &format!("refs/heads/{branch}"), &elsewhere]);
    let asked = server.request_count();
    let ran = bench.belay(&["resume", "--strict", "--format", "json"]).await.exits(3);
    assert_eq!(server.request_count(), asked);
    assert_eq!(bench.git(&["rev-parse", branch]), elsewhere);
    let url = ran.named("issue_created")[0]["url"].as_str().expect("an issue").to_owned();
    let issue = std::fs::read_to_string(bench.repo.join(url)).expect("a file");
    assert!(issue.contains("has moved"), "{issue}");

    // Deleted, it is made again from what the run knows.
    bench.git(&["branch", "-D", branch]);
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(bench.git(&["rev-list", "--count", &format!("main..{branch}")]), "3");
    server.stop().await;
}

/// Trap 28, and the guard: what the repository does not take fails its item,
/// with the path named, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_the_repository_refuses_fails_alone() {
    let files: &[&str] = &["link/one.py", "two.py"];
    let plan = json!({
        "milestones": [{ "name": "One", "description": "", "files": { "create": files, "modify": [], "delete": [] }, "read": [], "tests": [] }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let changes =
        files.iter().map(|file| ((*file).to_owned(), FileAnswer::create("N = 1\n"))).collect();
    let answers = Answers { plan, changes, ..Answers::default() };
    let server = server(Script::default().with_answers(answers)).await;
    let bench = bench();
    let outside = bench.root().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, bench.repo.join("link")).expect("a link");
    bench.git(&["add", "-A"]);
    bench.git(&["commit", "-q", "-m", "a link"]);
    bench.config(&server, ROLES);
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    let failed = ran.named("item_failed");
    assert_eq!(failed.len(), 2, "once more before the end: {}", ran.stderr);
    let named = |failed: &Value| {
        failed["message"].as_str().is_some_and(|message| message.contains("link/one.py"))
    };
    assert!(failed.iter().all(named), "{failed:?}");
    assert_eq!(ran.named("run_finished")[0]["partial"], true, "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
    server.stop().await;
}

/// What a person changed in a file that a coder was changing too is not undone.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_change_of_the_same_file_is_not_undone() {
    let plan = json!({
        "milestones": [{ "name": "One", "description": "", "files": { "create": [], "modify": ["lib.py"], "delete": [] }, "read": [], "tests": [] }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let edit = FileAnswer::edit("two = 2", "two = 22");
    let answers = || Answers {
        plan: plan.clone(),
        changes: [("lib.py".to_owned(), edit.clone())].into(),
        ..Answers::default()
    };
    let script = Script::with_model("review", hanging_from("review", 1)).with_answers(answers());
    let server = server(script).await;
    let bench = Bench::with_files([
        ("check.sh", "true\n"),
        ("lib.py", "one = 1\ntwo = 2\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nTwo is 22.\n"),
    ]);
    bench.config(&server, ROLES);
    let mut child = bench.command(&["run", "001"]).spawn().expect("belay");
    server.wait_for_requests(4).await;
    child.kill().await.expect("killed");
    let branch = "belay/001-numbers";
    let tree = bench.root().join("by-hand");
    let tree = tree.to_str().expect("a path");
    bench.git(&["worktree", "add", "-q", "--detach", tree, branch]);
    std::fs::write(std::path::Path::new(tree).join("lib.py"), "one = 111\ntwo = 2\n")
        .expect("a file");
    bench.git(&["-C", tree, "commit", "-qam", "one, by hand"]);
    let commit = bench.git(&["-C", tree, "rev-parse", "HEAD"]);
    bench.git(&["worktree", "remove", "--force", tree]);
    bench.git(&["update-ref", &format!("refs/heads/{branch}"), &commit]);

    server.set_script(Script::default().with_answers(answers()));
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(bench.show(branch, "lib.py"), "one = 111\ntwo = 22");
    server.stop().await;
}

/// Stopped while the tests run: neither red nor green, and asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_the_tests_is_not_a_red_test() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = Bench::with_files([
        (
            "check.sh",
            "if [ -f one.py ] && [ ! -f ../go ]; then touch started; sleep 60; fi; true\n",
        ),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
    ]);
    bench.config(&server, ROLES);
    let child = bench.command(&["run", "001", "--format", "json"]).spawn().expect("belay");
    let worktrees = bench.root().join("cache/belay/worktrees");
    let started = || {
        let mut found = std::fs::read_dir(&worktrees).into_iter().flatten().flatten();
        found.any(|entry| entry.path().join("started").exists())
    };
    until(started).await;
    bench.kill("-TERM", &child.id().expect("a process").to_string());
    let stopped = finish(child).await.exits(0);
    assert!(stopped.named("tests_failed").is_empty(), "{}", stopped.stderr);
    let asked = server.request_count();
    std::fs::write(worktrees.join("go"), "").expect("a file");
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(ran.named("step_started")[0]["step"], "test", "nothing before it is done again");
    assert_eq!(
        server.request_count(),
        asked + 4,
        "two milestones are left, of a coder and a reviewer each"
    );
    server.stop().await;
}

/// An edited idea goes on as it was, and says so; another file of that name is
/// another idea, whatever its id.
#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_run_keeps_the_text_that_it_began_with() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let begun = bench.belay(&["run", "001", "--dry-run", "--format", "json"]).await.exits(0);
    let run = begun.events()[0]["run"].clone();

    bench.write("other/001-numbers.md", "# Letters\n\nAdd letters.\n");
    let asked = server.requests().len();
    let refused = bench.belay(&["run", "other/001-numbers.md"]).await.exits(2);
    let told = ["other/001-numbers.md", "ideas/backlog/001-numbers.md", "--fresh"];
    assert!(told.iter().all(|part| refused.stderr.contains(part)), "{}", refused.stderr);
    assert_eq!(server.requests().len(), asked);

    bench.write("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd other numbers.\n");
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.events()[0]["run"], run);
    assert!(
        ran.stderr.contains("was edited since") && ran.stderr.contains("--fresh"),
        "{}",
        ran.stderr
    );
    assert!(
        server.requests().iter().all(|request| !request.body.to_string().contains("other numbers"))
    );
    server.stop().await;
}

/// The person looks at the branch: it is not moved under them, and they are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_the_person_has_checked_out_is_not_moved_under_them() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    stopped_after_one(&bench).await;
    bench.git(&["checkout", "-q", "belay/001-numbers"]);
    let before = bench.persons_things();
    let ran = bench.belay(&["run", "--strict", "--format", "json"]).await.exits(3);
    assert!(
        ran.named("run_finished")[0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("checked out")),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.persons_things(), before);
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    bench.git(&["checkout", "-q", "main"]);
    let asked = server.request_count();
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(
        server.request_count(),
        asked + 2,
        "what was done is kept: only the third milestone is asked for"
    );
    server.stop().await;
}

/// Tests may do what they like to their folder: the next run makes another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_worktree_that_the_tests_destroyed_is_made_anew() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = Bench::with_files([
        ("check.sh", "rm -rf .git \"$PWD\"/*; true\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers.\n"),
    ]);
    bench.config(&server, ROLES);
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(bench.git(&["rev-list", "--count", "main..belay/001-numbers"]), "3");
    server.stop().await;
}
