//! A run that goes on on another machine: fresh clones of one bare remote,
//! with `store.mirror: origin`.

use std::time::Duration;

use serde_json::Value;
use simulated_models::{Fault, ModelScript, Script, Server, Step};

use crate::harness::{Bench, Ran, finish, server};
use crate::recovery::{ROLES, answers, bench, hanging_from};

const BRANCH: &str = "belay/001-numbers";

/// The person's repository, and a bare remote that has its main.
fn first(server: &Server) -> Bench {
    let bench = bench();
    config(&bench, server);
    let remote = bench.root().join("remote.git");
    let remote = remote.to_str().expect("a path");
    bench.git(&["init", "-q", "--bare", "-b", "main", remote]);
    bench.git(&["remote", "add", "origin", remote]);
    bench.git(&["push", "-q", "origin", "main"]);
    bench
}

fn config(bench: &Bench, server: &Server) {
    bench.config(server, &format!("{ROLES}store: {{ mirror: origin }}\n"));
}

/// Another machine: a shallow clone of the remote, with a home of its own.
fn another(first: &Bench, server: &Server) -> Bench {
    let bench = Bench::cloned(&first.root().join("remote.git"));
    config(&bench, server);
    bench
}

async fn run(bench: &Bench, milestones: &str) -> Ran {
    let mut command = bench.command(&["run", "--format", "json"]);
    let child = command.env("MAX_ITERATIONS", milestones).spawn().expect("belay");
    finish(child).await
}

fn status(ran: &Ran) -> Value {
    ran.named("run_finished").last().map(|event| event["status"].clone()).unwrap_or_default()
}

fn there(bench: &Bench) -> String {
    bench.git(&["ls-remote", "origin", "refs/heads/*", "refs/belay/*"])
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_clones_go_on_with_a_run_and_ask_nothing_twice() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    let ran = run(&one, "1").await.exits(0);
    assert_eq!(status(&ran), "interrupted", "{}", ran.stderr);
    let two = another(&one, &server);
    let ran = run(&two, "1").await.exits(0);
    assert_eq!(ran.events()[0]["event"], "run_resumed", "{}", ran.stderr);
    assert_eq!(ran.named("milestone_committed").len(), 1);
    let three = another(&one, &server);
    let ran = run(&three, "9").await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(server.request_count(), 2 + 3 + 2 + 2);
    assert_eq!(
        three.git(&["log", "--format=%s", &format!("main..{BRANCH}")]),
        "Milestone 3/3: Three\nMilestone 2/3: Two\nMilestone 1/3: One"
    );
    assert!(there(&three).contains(&three.git(&["rev-parse", BRANCH])));
    // A fourth knows that it is done; the first, that it went on.
    for bench in [another(&one, &server), one] {
        let ran = run(&bench, "9").await.exits(0);
        assert!(ran.events().is_empty(), "{}", ran.stdout);
        let heads = bench.belay(&["runs", "list", "--format", "json"]).await.exits(0);
        let heads: Value = serde_json::from_str(&heads.stdout).expect("JSON");
        assert_eq!(heads["runs"][0]["status"], "completed");
        assert_eq!(heads["runs"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(server.request_count(), 2 + 3 + 2 + 2);
    server.stop().await;
}

/// What the killed machine had accepted after its last milestone may be lost; no more than that.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_machine_loses_at_most_the_milestone_in_progress() {
    let hanging = Script::with_model("code", hanging_from("changes", 3)).with_answers(answers());
    let server = server(hanging).await;
    let one = first(&server);
    let mut child = one.command(&["run", "001"]).spawn().expect("belay");
    server.wait_for_requests(2 + 3 + 1).await;
    child.kill().await.expect("killed");
    server.set_script(Script::default().with_answers(answers()));
    let two = another(&one, &server);
    let ran = run(&two, "9").await.exits(0);
    assert!(ran.stderr.contains("did not say that it stopped"), "{}", ran.stderr);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(ran.named("milestone_committed").len(), 2);
    assert_eq!(server.request_count(), 2 + 3 + 1 + 2 + 2);
    // The first has rows that the others never saw: it leaves the run to them.
    let ran = run(&one, "9").await.exits(0);
    assert!(ran.stderr.contains("went on on another machine"), "{}", ran.stderr);
    assert!(ran.events().is_empty(), "{}", ran.stdout);
    assert_eq!(server.request_count(), 2 + 3 + 1 + 2 + 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_machines_that_take_up_a_run_at_once_one_goes_on() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    run(&one, "1").await.exits(0);
    let hanging = Script::with_model("code", hanging_from("changes", 1)).with_answers(answers());
    server.set_script(hanging);
    let asked = server.request_count();
    let (two, three) = (another(&one, &server), another(&one, &server));
    let start = |bench: &Bench| bench.command(&["run", "--format", "json"]).spawn().expect("belay");
    let (mut second, mut third) = (start(&two), start(&three));
    let (loser, winner) = tokio::select! {
        _ = second.wait() => (second, third),
        _ = third.wait() => (third, second),
    };
    let winner_pid = winner.id().expect("the other still works").to_string();
    let loser = finish(loser).await.exits(4);
    assert!(loser.stderr.contains(&format!("process {winner_pid}")), "{}", loser.stderr);
    server.wait_for_requests(usize::try_from(asked).expect("few") + 1).await;
    two.kill("-TERM", &winner_pid);
    finish(winner).await.exits(0);
    server.stop().await;
}

/// Two machines that begin the same idea.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_machines_that_begin_an_idea_one_has_it() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    let two = another(&one, &server);
    // Both have looked at the mirror before either has claimed: as if at the same moment.
    let away = one.root().join("away.git");
    run(&one, "1").await.exits(0);
    let state = one.git(&["ls-remote", "origin", "refs/belay/*"]);
    assert!(state.contains("refs/belay/ideas/"), "{state}");
    std::fs::rename(one.root().join("remote.git"), &away).expect("moved");
    let ran = run(&two, "0").await.exits(0);
    assert!(ran.named("effect_deferred")[0]["effect"] == "mirror", "{}", ran.stderr);
    std::fs::rename(&away, one.root().join("remote.git")).expect("moved back");
    let ran = run(&two, "9").await;
    assert!(ran.code == Some(0), "{}", ran.stderr);
    assert_eq!(status(&ran), "completed", "it goes on with the first one's: {}", ran.stderr);
    assert_eq!(
        two.git(&["rev-list", "--count", &format!("main..{BRANCH}")]),
        "3",
        "{}",
        ran.stderr
    );
    server.stop().await;
}

/// A machine that was thought to be gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_lost_its_run_cannot_push() {
    let hanging = Script::with_model("review", hanging_from("review", 1)).with_answers(answers());
    let server = server(hanging).await;
    let one = first(&server);
    let slow = one.command(&["run", "001", "--format", "json"]).spawn().expect("belay");
    server.wait_for_requests(2 + 2 + 1).await;
    server.set_script(Script::default().with_answers(answers()));
    let two = another(&one, &server);
    let ran = run(&two, "9").await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    let before = there(&two);
    // It is told to stop, which brings its state to the mirror: refused.
    one.kill("-TERM", &slow.id().expect("a process").to_string());
    let slow = finish(slow).await;
    assert_eq!(there(&two), before, "{}", slow.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_commit_on_the_remote_branch_is_built_upon() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    run(&one, "1").await.exits(0);
    let person = Bench::cloned(&one.root().join("remote.git"));
    person.git(&["fetch", "-q", "origin", BRANCH]);
    person.git(&["checkout", "-q", "-b", "mine", "FETCH_HEAD"]);
    person.write("hand.txt", "by hand\n");
    person.git(&["add", "hand.txt"]);
    person.git(&["commit", "-q", "-m", "by hand"]);
    person.git(&["push", "-q", "origin", &format!("mine:refs/heads/{BRANCH}")]);
    let two = another(&one, &server);
    let ran = run(&two, "9").await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(two.show(BRANCH, "hand.txt"), "by hand");
    assert!(there(&two).contains(&two.git(&["rev-parse", BRANCH])));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_leaves_the_machine_and_rubbish_on_the_mirror_stops_nobody() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    let rubbish = one.git(&["rev-parse", "main"]);
    one.git(&[
        "push",
        "-q",
        "origin",
        &format!("{rubbish}:refs/belay/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ]);
    one.git(&["push", "-q", "origin", &format!("{rubbish}:refs/belay/runs/nonsense")]);
    let ran = run(&one, "9").await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(ran.stderr.contains("it holds no export"), "{}", ran.stderr);

    // A key that somehow stands in the state keeps all of it here; the branch goes out.
    let two = first(&server);
    two.write("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd numbers, with planted-key-1.\n");
    two.git(&["commit", "-qam", "a key in the idea"]);
    let mut command = two.command(&["run", "001", "--format", "json"]);
    let ran = finish(command.env("PLANTED_TOKEN", "planted-key-1").spawn().expect("belay")).await;
    let ran = ran.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(!there(&two).contains("refs/belay/"), "{}", there(&two));
    assert!(there(&two).contains(&two.git(&["rev-parse", BRANCH])));
    server.stop().await;
}

/// The refs are the person's to delete.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_refs_were_deleted_makes_them_again() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    run(&one, "1").await.exits(0);
    let refs = one.git(&["ls-remote", "origin", "refs/belay/*"]);
    let names = refs.lines().filter_map(|line| line.split('\t').nth(1));
    for name in names {
        one.git(&["push", "-q", "origin", &format!(":{name}")]);
    }
    let ran = run(&one, "9").await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert!(there(&one).contains("refs/belay/runs/"), "{}", there(&one));
    server.stop().await;
}

/// It was only slow, and finds out at its next push.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_machine_that_lost_its_run_ends_and_leaves_the_remote_alone() {
    let slow = Fault::AnswerAfter { delay: Duration::from_secs(5) };
    let slow = ModelScript::steps([Step::schema("review", slow).in_calls(1..)]);
    let server = server(Script::with_model("review", slow).with_answers(answers())).await;
    let one = first(&server);
    let child = one.command(&["run", "001", "--format", "json"]).spawn().expect("belay");
    server.wait_for_requests(2 + 2 + 1).await;
    let state = one.git(&["ls-remote", "origin", "refs/belay/runs/*"]);
    let name = state.split('\t').nth(1).expect("a ref");
    let other = one.git(&["commit-tree", "-m", "another machine's", "main^{tree}"]);
    one.git(&["push", "-q", "--force", "origin", &format!("{other}:{name}")]);
    let before = there(&one);
    let ran = finish(child).await.exits(4);
    assert!(ran.stderr.contains("lease is lost"), "{}", ran.stderr);
    assert_eq!(there(&one), before);
    server.stop().await;
}

/// What lies on the mirror moves no branch that was no run's here.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_branch_is_not_moved_by_a_run_from_elsewhere() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    run(&one, "1").await.exits(0);
    let two = another(&one, &server);
    two.git(&["branch", BRANCH]);
    let mine = two.git(&["rev-parse", BRANCH]);
    let ran = run(&two, "9").await.exits(0);
    assert_eq!(status(&ran), "blocked", "{}", ran.stderr);
    assert_eq!(two.git(&["rev-parse", BRANCH]), mine);
    two.git(&["branch", "-m", BRANCH, "mine"]);
    let ran = run(&two, "9").await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    assert_eq!(two.git(&["rev-parse", "mine"]), mine);
    server.stop().await;
}

/// A fresh clone asks the remote hardly more often for seven runs than for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_clone_takes_in_many_runs_with_few_calls() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    run(&one, "1").await.exits(0);
    let calls = async |bench: &Bench| {
        let log = bench.root().join("git.log");
        let case = format!("*' ls-remote '*|*' fetch '*) echo x >> {}", log.display());
        let path = wrapped(bench, &case);
        let mut command = bench.command(&["run", "--format", "json"]);
        let child = command.env("MAX_ITERATIONS", "0").env("PATH", path).spawn().expect("belay");
        finish(child).await.exits(0);
        std::fs::read_to_string(log).expect("calls").lines().count()
    };
    let few = calls(&another(&one, &server)).await;
    for number in 0..6 {
        let idea = format!("# Number {number}\n");
        one.write(&format!("ideas/backlog/1{number}-more.md"), &idea);
        let mut command = one.command(&["run", &format!("1{number}")]);
        finish(command.env("MAX_ITERATIONS", "1").spawn().expect("belay")).await.exits(0);
    }
    let many = calls(&another(&one, &server)).await;
    assert!(many <= few + 1, "{few} calls for one run, {many} for seven");
    server.stop().await;
}

/// The first machine meant to commit a milestone, said so on the mirror, and could not: what the
/// commit is made of is on that machine only.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_about_to_be_committed_is_made_again_on_another_machine() {
    let server = server(Script::default().with_answers(answers())).await;
    let one = first(&server);
    let broken = wrapped(&one, "*' commit-tree '*' -F '*) echo broken >&2; exit 1");
    let mut command = one.command(&["run", "--format", "json"]);
    let ran = finish(command.env("PATH", broken).spawn().expect("belay")).await;
    assert!(ran.stderr.contains("broken"), "{}", ran.stderr);
    let asked = server.request_count();
    let two = another(&one, &server);
    let ran = run(&two, "0").await.exits(0);
    assert_eq!(ran.events()[0]["event"], "run_resumed", "{}", ran.stderr);
    assert_eq!(ran.named("milestone_committed").len(), 1, "{}", ran.stderr);
    assert_eq!(server.request_count(), asked, "nothing is asked again");
    server.stop().await;
}

/// A path on which git goes this way of a shell's `case` first.
fn wrapped(bench: &Bench, case: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let folder = bench.root().join("bin");
    std::fs::create_dir(&folder).expect("a folder");
    let script =
        format!("#!/bin/sh\ncase \" $* \" in {case} ;; esac\nPATH=${{PATH#*:}} exec git \"$@\"\n");
    let git = folder.join("git");
    std::fs::write(&git, script).expect("written");
    std::fs::set_permissions(&git, PermissionsExt::from_mode(0o755)).expect("executable");
    format!("{}:{}", folder.display(), bench.env()["PATH"])
}

/// A question in a file of the machine that asked it is neither answered nor closed where that
/// file is not: nobody decided anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_in_a_file_of_another_machine_is_still_open() {
    let unsure = serde_json::json!({
        "understanding": "Numbers.", "complexity": "low", "confidence": 0.2,
        "risks": [], "questions": ["Which colour?"],
    });
    let unsure = simulated_models::Answers { analysis: unsure, ..answers() };
    let server = server(Script::default().with_answers(unsure)).await;
    let one = first(&server);
    let ran = run(&one, "9").await.exits(0);
    assert_eq!(status(&ran), "blocked", "{}", ran.stderr);
    let asked = server.request_count();
    let two = another(&one, &server);
    let ran = run(&two, "9").await.exits(0);
    assert!(ran.events().is_empty(), "{}", ran.stdout);
    assert!(ran.stderr.contains("is a file of another machine"), "{}", ran.stderr);
    // Taken up there all the same, it is asked there, too, and can be answered.
    let ran = two.belay(&["resume", "--format", "json"]).await.exits(0);
    assert_eq!(status(&ran), "blocked", "{}", ran.stderr);
    assert!(ran.named("question_answered").is_empty() && ran.named("issue_closed").is_empty());
    assert_eq!(server.request_count(), asked);
    let issues = std::fs::read_dir(two.repo.join(".belay/issues")).expect("issues");
    let mut issues = issues.map(|entry| entry.expect("an entry").path());
    let issue = issues.find(|path| path.extension().is_some_and(|end| end == "md"));
    let issue = issue.expect("an issue");
    let text = std::fs::read_to_string(&issue).expect("a file");
    std::fs::write(&issue, format!("{text}\nBlue.\n")).expect("answered");
    let ran = run(&two, "9").await.exits(0);
    assert_eq!(ran.named("question_answered").len(), 1, "{}", ran.stderr);
    server.stop().await;
}
