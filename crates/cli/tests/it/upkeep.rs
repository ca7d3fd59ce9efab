//! What finished runs leave is bounded after each run: the newest stay, the
//! young stay, those with an open issue stay, and nobody's worktree is left.

use checkpoint_store::{
    Batch, Clock, NewRecord, NewRun, RunId, RunStore as _, Settings, SqliteStore,
};
use serde_json::{Value, json};
use simulated_models::Script;

use crate::harness::{Bench, finish, server};
use crate::recovery::{ROLES, answers, bench};

/// A finished run of long ago, of a subject that has a newer one.
async fn old_run(store: &SqliteStore, kind: &str, body: Value) -> RunId {
    let first = json!({ "idea": "old", "title": "Old", "branch": "belay/old", "base": "" });
    let record = |kind: &str, body| NewRecord { kind: kind.into(), body };
    let records = vec![record("run_started", first), record(kind, body)];
    let id = RunId::generate();
    let new = NewRun { id, subject: "old".into(), attributes: json!({}), fresh: true };
    let lease = store.create(new, records).await.expect("a run");
    let batch = Batch { finish: Some("completed".into()), ..Batch::default() };
    store.commit(&lease, batch).await.expect("finished");
    store.release(lease).await.expect("released");
    id
}

async fn store(bench: &Bench, at: &str) -> SqliteStore {
    let clock = Clock::fixed(at.parse().expect("a stamp"));
    let settings = Settings { clock, ..Settings::new("test") };
    SqliteStore::open_with(&bench.repo.join(".git/belay"), settings).await.expect("a store")
}

async fn runs(bench: &Bench) -> Vec<String> {
    let listed = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let runs = listed["runs"].as_array().expect("runs").iter();
    runs.map(|run| run["run"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_runs_go_and_what_a_person_may_need_stays() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let long_ago = store(&bench, "2020-01-01T00:00:00Z").await;
    let warned = || ("warned", json!({ "message": "nothing" }));
    let (kind, body) = warned();
    let oldest = old_run(&long_ago, kind, body).await.to_string();
    let issue = json!({ "kind": "manual_task", "url": "1", "title": "1", "marker": "m", "milestone": null, "item": null });
    let spared = old_run(&long_ago, "issue_created", issue).await.to_string();
    let mut kept = Vec::new();
    for _ in 0..49 {
        let (kind, body) = warned();
        kept.push(old_run(&long_ago, kind, body).await.to_string());
    }
    long_ago.close().await.expect("closed");
    for run in [&oldest, &spared] {
        bench.git(&["update-ref", &format!("refs/belay/salvage/{run}/1-1"), "HEAD"]);
        bench.write(&format!(".git/belay/logs/programs/{run}/1-1-1.txt"), "printed");
    }

    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let left = runs(&bench).await;
    assert!(!left.contains(&oldest), "the 51st newest, and old");
    assert!(left.contains(&spared), "its issue is open");
    assert!(kept.iter().all(|run| left.contains(run)), "{} are left", left.len());
    assert!(!bench.repo.join(format!(".git/belay/locks/{oldest}.lock")).exists());
    let refs = bench.git(&["for-each-ref", "--format=%(refname)", "refs/belay/salvage/"]);
    assert_eq!(refs, format!("refs/belay/salvage/{spared}/1-1"));
    let printed =
        |run: &String| bench.repo.join(format!(".git/belay/logs/programs/{run}")).exists();
    assert!(!printed(&oldest) && printed(&spared));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worktree_of_a_run_that_is_done_is_not_left() {
    is_cleared_away(false).await;
}

/// A process died after it had moved a damaged worktree aside, before it made another one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_aside_for_a_run_that_is_done_is_not_left() {
    is_cleared_away(true).await;
}

async fn is_cleared_away(moved_aside: bool) {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    let stopped = finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await;
    let run = stopped.exits(0).events()[0]["run"].as_str().expect("a run").to_owned();
    let worktrees = bench.root().join("cache/belay/worktrees");
    assert!(worktrees.join(&run).is_dir());
    // As a run that ended and could not clear away.
    let state = SqliteStore::open(&bench.repo.join(".git/belay"), "test").await.expect("a store");
    let lease = state.acquire(run.parse().expect("an id")).await.expect("a lease");
    let batch = Batch { finish: Some("completed".into()), ..Batch::default() };
    state.commit(&lease, batch).await.expect("finished");
    state.release(lease).await.expect("released");
    state.close().await.expect("closed");
    if moved_aside {
        let aside = worktrees.join(format!("{run}.broken-1"));
        std::fs::rename(worktrees.join(&run), aside).expect("moved aside");
        bench.git(&["worktree", "prune"]);
    }
    std::fs::create_dir(worktrees.join("a-persons-folder")).expect("a folder");

    bench.write("ideas/backlog/002-letters.md", "# Letters\n\nAdd letters.\n");
    let mut command = bench.command(&["run", "002", "--format", "json"]);
    finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    bench.belay(&["resume", "--format", "json"]).await.exits(0);
    let left = std::fs::read_dir(&worktrees).expect("a folder").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["a-persons-folder"]);
    assert!(!bench.git(&["worktree", "list"]).contains(&run));
    server.stop().await;
}
