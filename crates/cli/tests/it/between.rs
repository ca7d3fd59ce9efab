//! What people do between two processes of a run: nothing of theirs is lost,
//! nothing of the run's is done twice.

use serde_json::Value;
use simulated_models::{Script, Server};

use crate::harness::{Bench, Ran, finish, server};
use crate::recovery::{ROLES, answers, bench};

const BRANCH: &str = "belay/001-numbers";

async fn stopped_after_one() -> (Bench, Server) {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let ran = finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
    (bench, server)
}

async fn resumed(bench: &Bench) -> (Ran, Value) {
    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    let status = ran.named("run_finished")[0]["status"].clone();
    (ran, status)
}

/// Two milestones are left: two requests each.
const LEFT: u64 = 2 + 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_was_merged_and_deleted_is_made_again_where_it_was() {
    let (bench, server) = stopped_after_one().await;
    let asked = server.request_count();
    let tip = bench.git(&["rev-parse", BRANCH]);
    bench.git(&["merge", "-q", "--no-edit", BRANCH]);
    bench.git(&["branch", "-q", "-D", BRANCH]);
    let (_, status) = resumed(&bench).await;
    assert_eq!(status, "completed");
    assert_eq!(bench.git(&["rev-parse", &format!("{BRANCH}~2")]), tip);
    assert_eq!(server.request_count(), asked + LEFT);
    server.stop().await;
}

/// A person's rebase gives the run's commits other names: which of them are meant is the
/// person's to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_was_rebased_is_left_alone_and_its_person_is_asked() {
    let (bench, server) = stopped_after_one().await;
    let (asked, tip) = (server.request_count(), bench.git(&["rev-parse", BRANCH]));
    bench.write("main.txt", "new\n");
    bench.git(&["add", "main.txt"]);
    bench.git(&["commit", "-q", "-m", "by the person"]);
    bench.git(&["checkout", "-q", BRANCH]);
    bench.git(&["rebase", "-q", "main"]);
    bench.git(&["checkout", "-q", "main"]);
    let rebased = bench.git(&["rev-parse", BRANCH]);
    let (ran, status) = resumed(&bench).await;
    assert_eq!(status, "blocked");
    assert_eq!(ran.named("issue_created")[0]["kind"], "blocked", "{}", ran.stderr);
    assert_eq!(bench.git(&["rev-parse", BRANCH]), rebased);
    assert_eq!(server.request_count(), asked, "nobody is asked for what cannot land");
    bench.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &tip]);
    let (_, status) = resumed(&bench).await;
    assert_eq!(status, "completed");
    assert_eq!(server.request_count(), asked + LEFT);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_config_changes_what_comes_and_nothing_that_was() {
    let (bench, server) = stopped_after_one().await;
    let tip = bench.git(&["rev-parse", BRANCH]);
    bench.config(&server, &ROLES.replace("a/code", "b/other").replace("a/review", "b/judge"));
    let (_, status) = resumed(&bench).await;
    assert_eq!(status, "completed");
    assert_eq!(bench.git(&["rev-parse", &format!("{BRANCH}~2")]), tip);
    let models = |rev: &str| {
        bench.git(&["log", "-1", "--format=%(trailers:key=Belay-Model,valueonly)", rev])
    };
    assert_eq!(models(&format!("{BRANCH}~2")), "a/code\na/review");
    assert_eq!(models(BRANCH), "b/other\nb/judge");
    let planner = server.requests().iter().filter(|request| request.model == "plan").count();
    assert_eq!(planner, 2, "what was planned is not planned again");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worktree_and_a_cache_that_are_gone_are_made_again() {
    let (bench, server) = stopped_after_one().await;
    let asked = server.request_count();
    std::fs::remove_dir_all(bench.root().join("cache")).expect("removed");
    let (_, status) = resumed(&bench).await;
    assert_eq!(status, "completed");
    assert_eq!(server.request_count(), asked + LEFT);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idea_whose_file_is_gone_is_finished_as_it_was_begun() {
    let (bench, server) = stopped_after_one().await;
    bench.git(&["rm", "-q", "ideas/backlog/001-numbers.md"]);
    bench.git(&["commit", "-q", "-m", "not wanted here"]);
    let (_, status) = resumed(&bench).await;
    assert_eq!(status, "completed");
    let completed = bench.show(BRANCH, "ideas/completed/001-numbers.md");
    assert!(completed.contains("Add numbers"), "{completed}");
    server.stop().await;
}
