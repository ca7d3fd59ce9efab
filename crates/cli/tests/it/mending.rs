//! A state that was damaged behind our back: the next run mends it, goes on
//! from what is good, does nothing twice, and a person is told.

use std::fs;

use serde_json::{Value, json};
use sha2::Digest as _;
use simulated_models::{Answers, Script, Server};

use crate::harness::{Bench, Ran, finish, server};
use crate::recovery::{ROLES, answers, bench, hanging_from};

const BRANCH: &str = "belay/001-numbers";

fn sql(bench: &Bench, statement: &str) {
    let file = bench.repo.join(".git/belay/state.db");
    let state = rusqlite::Connection::open(file).expect("a state");
    state.execute_batch(statement).expect(statement);
}

/// A run that was stopped after so many milestones.
async fn stopped_after(milestones: &str) -> (Server, Bench, Ran) {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let mut command = bench.command(&["run", "001", "--format", "json"]);
    command.env("MAX_ITERATIONS", milestones);
    let ran = finish(command.spawn().expect("belay")).await.exits(0);
    (server, bench, ran)
}

/// The number of the first record of this name that fits.
fn seq(ran: &Ran, name: &str, fits: impl Fn(&Value) -> bool) -> u64 {
    let found = ran.named(name).into_iter().find(fits).expect(name);
    found["seq"].as_u64().expect("a number")
}

fn subjects(bench: &Bench, branch: &str) -> String {
    bench.git(&["log", "--format=%s", &format!("main..{branch}")])
}

const THREE: &str = "Milestone 3/3: Three\nMilestone 2/3: Two\nMilestone 1/3: One";

fn damage_issues(ran: &Ran) -> Vec<Value> {
    let created = ran.named("issue_created").into_iter();
    created.filter(|event| event["kind"] == "damaged_state").collect()
}

fn read(bench: &Bench, issue: &Value) -> String {
    fs::read_to_string(bench.repo.join(issue["url"].as_str().expect("a url"))).expect("an issue")
}

/// A bad middle, and the row of a commit behind it: the commit is found again by its trailers.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_middle_is_cut_and_the_commits_behind_it_are_found_again() {
    let (server, bench, before) = stopped_after("2").await;
    let asked = server.request_count();
    let commits = bench.git(&["rev-list", &format!("main..{BRANCH}")]);
    let bad = seq(&before, "milestone_committed", |_| true);
    sql(&bench, &format!("UPDATE records SET body = '{{}}' WHERE seq = {bad}"));

    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    let repaired = &ran.events()[0];
    assert_eq!(
        (&repaired["event"], &repaired["cut_after"]),
        (&json!("state_repaired"), &json!(bad - 1))
    );
    assert_eq!(repaired["seq"], json!(bad), "no gap in what is printed");
    assert_eq!(ran.events()[1]["event"], "run_resumed");
    let told = ["damaged", &format!("after record {}", bad - 1), ".git/belay/set-aside/1-run-"];
    assert!(told.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
    let copy = bench.repo.join(".git/belay").join(repaired["set_aside"].as_str().expect("a name"));
    assert!(copy.is_file());

    let found: Vec<Value> = ran.named("milestone_committed");
    assert_eq!((&found[0]["recovered"], &found[1]["recovered"]), (&json!(true), &json!(true)));
    assert_eq!(found[0]["models"], json!(["a/code", "a/review"]));
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(subjects(&bench, BRANCH), THREE);
    assert!(bench.git(&["rev-list", &format!("main..{BRANCH}")]).ends_with(&commits));
    assert_eq!(server.request_count(), asked + 2, "only the third milestone is asked for");

    let issues = damage_issues(&ran);
    assert_eq!(issues.len(), 1);
    let issue = read(&bench, &issues[0]);
    let told = ["state: open", "belay", "set-aside/1-run-", &format!("after record {}", bad - 1)];
    assert!(told.iter().all(|part| issue.contains(part)), "{issue}");
    server.stop().await;
}

/// The plan is lost too: what is on the branch is built upon, not done over.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_without_its_plan_builds_on_what_is_on_the_branch() {
    let (server, bench, before) = stopped_after("1").await;
    let first = bench.git(&["rev-parse", BRANCH]);
    server.set_script(Script::default().with_answers(rest(1)));
    let plan = seq(&before, "step_finished", |event| event["step"] == "plan");
    sql(&bench, &format!("UPDATE records SET body = '{{}}' WHERE seq = {plan}"));

    let ran = bench.belay(&["resume", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("branch_adopted")[0]["to"], json!(first));
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    let parents = bench.git(&["rev-list", &format!("main..{BRANCH}")]);
    assert!(parents.ends_with(&first), "{parents}");
    assert_eq!(
        subjects(&bench, BRANCH),
        "Milestone 2/2: Three\nMilestone 1/2: Two\nMilestone 1/3: One"
    );
    assert_eq!(damage_issues(&ran).len(), 1);
    server.stop().await;
}

/// What was torn off is lost, and nothing else; a person's commit on top stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_and_reported() {
    let (server, bench, before) = stopped_after("2").await;
    let second = seq(&before, "milestone_committed", |event| event["milestone"] == 2);
    let tree = bench.root().join("by-hand");
    let tree = tree.to_str().expect("a path");
    bench.git(&["worktree", "add", "-q", "--detach", tree, BRANCH]);
    fs::write(format!("{tree}/hand.txt"), "by hand\n").expect("a file");
    bench.git(&["-C", tree, "add", "-A"]);
    bench.git(&["-C", tree, "commit", "-q", "-m", "by hand"]);
    let commit = bench.git(&["-C", tree, "rev-parse", "HEAD"]);
    bench.git(&["worktree", "remove", "--force", tree]);
    bench.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &commit]);
    sql(&bench, &format!("DELETE FROM records WHERE seq >= {second}"));
    let asked = server.request_count();

    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert!(ran.stderr.contains("records are missing after record"), "{}", ran.stderr);
    assert_eq!(ran.named("milestone_committed")[0]["milestone"], 2);
    assert_eq!(ran.named("branch_adopted")[0]["to"], json!(commit));
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(
        subjects(&bench, BRANCH),
        "Milestone 3/3: Three\nby hand\nMilestone 2/3: Two\nMilestone 1/3: One"
    );
    assert_eq!(server.request_count(), asked + 2);
    let issues = damage_issues(&ran);
    assert_eq!(issues.len(), 1);

    // Once a repair, and open until a person closes it.
    let again = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert!(!again.stdout.contains("issue_created"), "{}", again.stdout);
    assert!(read(&bench, &issues[0]).contains("state: open"));
    server.stop().await;
}

/// Nothing is left of the run but what is on its branch: that is built upon, by the same run.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_first_record_is_lost_is_gone_on_with_upon_its_branch() {
    for args in [&["run", "--format", "json"][..], &["run", "001", "--format", "json"]] {
        let (server, bench, before) = stopped_after("1").await;
        let first = bench.git(&["rev-parse", BRANCH]);
        sql(&bench, "UPDATE records SET body = '{}' WHERE seq = 1");
        let run = before.events()[0]["run"].as_str().expect("a run").to_owned();
        let refused = bench.belay(&["resume", &run, "-q"]).await.exits(1);
        assert!(refused.stderr.contains("nothing is left of it"), "{}", refused.stderr);
        let listed = bench.belay(&["runs", "list"]).await.exits(0);
        assert!(listed.stdout.contains("nothing is left of it"), "{}", listed.stdout);

        let ran = goes_on_upon(&server, &bench, &first, args).await;
        assert!(ran.events().iter().all(|event| event["run"] == json!(run)), "{}", ran.stdout);
        assert!(read(&bench, &damage_issues(&ran)[0]).contains(&run));
        server.stop().await;
    }
}

/// The next process after everything but the first milestone's commit was lost.
async fn goes_on_upon(server: &Server, bench: &Bench, first: &str, args: &[&str]) -> Ran {
    server.set_script(Script::default().with_answers(rest(1)));
    let asked = server.request_count();
    let ran = bench.belay(args).await.exits(0);
    let started = ran.named("run_started");
    assert_eq!(started[0]["branch"], BRANCH, "{}", ran.stderr);
    assert_eq!(started[0]["base"], json!(bench.git(&["rev-parse", "main"])));
    assert_eq!(ran.named("branch_adopted")[0]["to"], json!(first), "{}", ran.stdout);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert!(bench.git(&["rev-list", &format!("main..{BRANCH}")]).ends_with(first));
    assert_eq!(
        subjects(bench, BRANCH),
        "Milestone 2/2: Three\nMilestone 1/2: Two\nMilestone 1/3: One"
    );
    assert_eq!(branches(bench), [BRANCH], "no second branch");
    assert_eq!(server.request_count(), asked + 2 + 2 * 2, "analysis, plan, two milestones");
    assert_eq!(damage_issues(&ran).len(), 1, "{}", ran.stdout);
    let again = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert!(again.stdout.is_empty(), "{}", again.stdout);
    ran
}

/// As a planner divides what is left once it sees the files of so many milestones.
pub(crate) fn rest(done: usize) -> Answers {
    let mut rest = answers();
    rest.plan["milestones"].as_array_mut().expect("milestones").drain(..done);
    rest
}

fn branches(bench: &Bench) -> Vec<String> {
    let listed = bench.git(&["branch", "--format=%(refname:short)", "--list", "belay/*"]);
    listed.lines().map(str::to_owned).collect()
}

/// Ends what belongs to a state file, as a person or a sync program may.
fn remove(bench: &Bench, names: &[&str]) {
    for name in names {
        let _none = fs::remove_file(bench.repo.join(".git/belay").join(name));
    }
}

/// A file that is no database: kept as it was found, and the work goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_is_garbage_is_set_aside_by_the_next_run() {
    let (server, bench, _) = stopped_after("1").await;
    let first = bench.git(&["rev-parse", BRANCH]);
    let garbage = "garbage ".repeat(2000);
    bench.write(".git/belay/state.db", &garbage);
    remove(&bench, &["state.db-wal", "state.db-shm"]);
    bench.belay(&["runs", "list"]).await.exits(1);
    assert!(!bench.repo.join(".git/belay/set-aside").exists(), "looking mends nothing");

    let ran = goes_on_upon(&server, &bench, &first, &["run", "--format", "json"]).await;
    let told = "was set aside as .git/belay/set-aside/1-state.db";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let copy = fs::read_to_string(bench.repo.join(".git/belay/set-aside/1-state.db"));
    assert_eq!(copy.expect("a copy"), garbage);
    server.stop().await;
}

/// With its log, or without: what is gone is no fresh start. Doctor says what comes next.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_is_gone_or_a_folder_is_gone_on_without() {
    for folder in [false, true] {
        let (server, bench, _) = stopped_after("1").await;
        let first = bench.git(&["rev-parse", BRANCH]);
        remove(&bench, &["state.db", "state.db-wal", "state.db-shm"]);
        if folder {
            bench.write(".git/belay/state.db/note", "mine");
        }
        let doctor = bench.belay(&["doctor"]).await.exits(1);
        assert!(doctor.stdout.contains("the next `belay run` sets it aside"), "{}", doctor.stdout);
        let ran = goes_on_upon(&server, &bench, &first, &["run", "--format", "json"]).await;
        let issue = read(&bench, &damage_issues(&ran)[0]);
        assert_eq!(issue.contains("set-aside/1-state.db"), folder, "{issue}");
        let kept = bench.repo.join(".git/belay/set-aside/1-state.db/note");
        assert_eq!(fs::read_to_string(kept).ok().as_deref(), folder.then_some("mine"));
        server.stop().await;
    }
}

/// What a killed process wrote is in the log beside the file that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_file_is_gone_on_with_and_nothing_is_asked_twice() {
    let script = Script::with_model("review", hanging_from("review", 3)).with_answers(answers());
    let server = server(script).await;
    let bench = bench();
    bench.config(&server, ROLES);
    let mut child = bench.command(&["run", "001"]).spawn().expect("belay");
    server.wait_for_requests(7).await;
    child.kill().await.expect("killed");
    remove(&bench, &["state.db", "state.db-shm"]);
    let (first, asked) = (bench.git(&["rev-parse", BRANCH]), server.request_count());
    server.set_script(Script::default().with_answers(answers()));

    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert!(ran.stderr.contains("the file is gone"), "{}", ran.stderr);
    assert_eq!(ran.named("run_resumed").len(), 1, "{}", ran.stderr);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(subjects(&bench, BRANCH), THREE);
    assert!(bench.git(&["rev-list", &format!("main..{BRANCH}")]).ends_with(&first));
    assert_eq!(branches(&bench), [BRANCH]);
    // The review that nobody answered, and the third milestone.
    assert!(server.request_count() <= asked + 1 + 1 + 2, "{}", ran.stdout);
    let issues = damage_issues(&ran);
    assert_eq!(issues.len(), 1, "{}", ran.stdout);
    assert!(read(&bench, &issues[0]).contains("set-aside/1-state.db-wal"));
    server.stop().await;
}

/// The idea's file among the completed ones of the branch tells that nothing is to do.
#[tokio::test(flavor = "multi_thread")]
async fn an_idea_that_was_done_by_a_run_that_is_lost_is_not_done_again() {
    let server = server(Script::default().with_answers(answers())).await;
    let bench = bench();
    bench.config(&server, ROLES);
    bench.belay(&["run", "001"]).await.exits(0);
    let (tip, asked) = (bench.git(&["rev-parse", BRANCH]), server.request_count());
    remove(&bench, &["state.db", "state.db-wal", "state.db-shm"]);

    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(ran.named("branch_adopted")[0]["done"], true);
    assert_eq!(server.request_count(), asked, "no model is asked");
    assert_eq!((bench.git(&["rev-parse", BRANCH]), branches(&bench)), (tip, vec![BRANCH.into()]));
    assert_eq!(damage_issues(&ran).len(), 1);
    let again = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert!(again.stdout.is_empty(), "{}", again.stdout);
    server.stop().await;
}

/// Neither its rows nor the name of its branch: nobody can tell what it did.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_which_not_even_the_branch_is_known_stands_in_nobodys_way() {
    let (server, bench, _) = stopped_after("1").await;
    let first = bench.git(&["rev-parse", BRANCH]);
    sql(&bench, "UPDATE records SET body = '{}' WHERE seq = 1");
    sql(&bench, "UPDATE runs SET attributes = '{\"branch'");
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_started")[0]["branch"], "belay/001-numbers-2", "{}", ran.stderr);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(bench.git(&["rev-parse", BRANCH]), first, "left alone");
    assert_eq!(damage_issues(&ran).len(), 1, "{}", ran.stdout);
    let listed = bench.belay(&["runs", "list"]).await.exits(0);
    assert!(listed.stdout.contains("failed"), "{}", listed.stdout);
    server.stop().await;
}

/// A page is gone: what can be read of the run is gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_state_file_is_gone_on_with() {
    let (server, bench, _) = stopped_after("2").await;
    sql(&bench, "PRAGMA wal_checkpoint(TRUNCATE)");
    let file = bench.repo.join(".git/belay/state.db");
    let whole = fs::read(&file).expect("a state");
    fs::write(&file, &whole[..whole.len() - 2 * 4096]).expect("a file");
    let first = bench.git(&["rev-parse", BRANCH]);
    server.set_script(Script::default().with_answers(rest(2)));
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert!(bench.git(&["rev-list", &format!("main..{BRANCH}")]).contains(&first));
    assert_eq!(branches(&bench), [BRANCH]);
    let issues = damage_issues(&ran).len();
    // Of the file, and of the run if records of it are missing.
    assert!((1..=2).contains(&issues), "{}", ran.stderr);
    server.stop().await;
}

/// Trap 24: not damage, and nothing is mended away.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_release_is_refused_and_kept() {
    let (server, bench, before) = stopped_after("1").await;
    let run = before.events()[0]["run"].as_str().expect("a run").to_owned();
    let file = bench.repo.join(".git/belay/state.db");
    let count = || {
        let state = rusqlite::Connection::open(&file).expect("a state");
        let number =
            state.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, i64>(0));
        number.expect("a number")
    };
    make_newer(&bench, 4);
    let records = count();
    for args in [&["run", "001", "-q"][..], &["resume", &run, "-q"]] {
        let refused = bench.belay(args).await.exits(2);
        assert!(refused.stderr.contains("newer release"), "{}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
    assert_eq!(count(), records);
    assert!(!bench.repo.join(".git/belay/set-aside").exists());
    server.stop().await;
}

/// As a newer release writes a record: with the checksum over the same fields.
pub(crate) fn make_newer(bench: &Bench, seq: i64) {
    let file = bench.repo.join(".git/belay/state.db");
    let state = rusqlite::Connection::open(file).expect("a state");
    let select = "SELECT run, epoch, at, kind, body FROM records WHERE seq = ?1";
    let text = |row: &rusqlite::Row<'_>, at| row.get::<_, String>(at);
    let parts = state.query_row(select, [seq], |row| {
        let numbers = format!("{seq}/{}/99/99", row.get::<_, i64>(1)?);
        Ok([text(row, 0)?, numbers, text(row, 2)?, text(row, 3)?, text(row, 4)?])
    });
    let mut hash = sha2::Sha256::new();
    for part in parts.expect("a record") {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let change = "UPDATE records SET version = 99, min_reader = 99, checksum = ?1 WHERE seq = ?2";
    let changed = state.execute(change, (hash.finalize().to_vec(), seq));
    assert_eq!(changed, Ok(1));
}
