//! A person as the last link of the coders' chain: work that they name in the
//! issue about an item is taken as its change set, or told why it is not.

use std::fs;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, ModelScript, Script, Server, Step};

use crate::github::{belay, bench as on_github, check, github};
use crate::harness::{Bench, Ran, server};

const ROLES: &str = "roles:\n  planner: { chain: [a/plan] }\n  coder: { chain: [a/code] }\n  reviewer: { chain: [a/review] }\nrun: { test_command: \"sh check.sh\" }\n";
const RUN: [&str; 3] = ["run", "--format", "json"];

/// A plan of one file, and no coder.
fn no_coder() -> Script {
    Script::with_model("code", ModelScript::failing(Fault::status(503)))
        .with_answers(Answers::creating([("one.py", "N = 1\n")]))
}

fn bench(models: &Server) -> Bench {
    let bench = Bench::with_files([
        ("check.sh", "! grep -rq BROKEN --include=*.py .\n"),
        ("README.md", "Numbers.\n"),
        ("ideas/backlog/001-numbers.md", "# Numbers\n\nAdd them.\n"),
    ]);
    bench.config(models, ROLES);
    bench
}

/// A commit with these files on a branch of a person's, which is not left checked out.
fn commit(bench: &Bench, branch: &str, files: &[(&str, &str)]) -> String {
    bench.git(&["switch", "-q", "-c", branch, "main"]);
    for (path, content) in files {
        bench.write(path, content);
        bench.git(&["add", path]);
    }
    let who = ["-c", "user.name=Grace", "-c", "user.email=grace@example.org"];
    bench.git(&[&who[..], &["commit", "-q", "-m", "by hand"]].concat());
    bench.git(&["switch", "-q", "main"]);
    bench.git(&["rev-parse", branch])
}

fn status(ran: &Ran) -> Value {
    ran.named("run_finished")[0]["status"].clone()
}

/// The run is degraded, with one manual task; its place.
async fn degraded(bench: &Bench) -> String {
    let ran = bench.belay(&RUN).await.exits(0);
    assert_eq!(status(&ran), "degraded", "{}", ran.stderr);
    let created = ran.named("issue_created");
    assert_eq!((created.len(), &created[0]["kind"]), (1, &json!("manual_task")));
    created[0]["url"].as_str().expect("a place").to_owned()
}

/// Writes it into the issue's file, in place of what was said before.
fn say(bench: &Bench, url: &str, line: &str) {
    let text = issue(bench, url);
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("Done in ")).collect();
    let text = format!("{}\n", kept.join("\n"));
    let (before, after) = text.split_once("## Answer\n").expect("a place for an answer");
    bench.write(url, &format!("{before}## Answer\n\n{line}\n{after}"));
}

fn issue(bench: &Bench, url: &str) -> String {
    fs::read_to_string(bench.repo.join(url)).expect("the issue")
}

/// A commit or a branch that is named in the issue's file: checked, reviewed, committed with its
/// author named, and the issue is closed.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_names_in_a_file_is_taken_as_the_items_change_set() {
    for by_branch in [true, false] {
        let models = server(no_coder()).await;
        let bench = bench(&models);
        let url = degraded(&bench).await;
        let made = commit(&bench, "mine", &[("one.py", "N = 7\n")]);
        say(&bench, &url, &format!("Done in `{}`.", if by_branch { "mine" } else { &made[..12] }));
        let before = bench.persons_things();
        let reviews = models.requests().iter().filter(|one| one.model == "review").count();
        let ran = bench.belay(&RUN).await.exits(0);
        assert_eq!(status(&ran), "completed", "{}", ran.stderr);
        assert_eq!(ran.named("work_offered")[0]["commit"], made, "{}", ran.stderr);
        let coded = ran.named("attempt_started");
        assert!(coded.iter().all(|one| one["role"] != "coder"), "{coded:?}");
        let reviewed = models.requests().iter().filter(|one| one.model == "review").count();
        assert_eq!(reviewed, reviews + 1, "it is reviewed");
        assert_eq!(ran.named("tests_passed").len(), 1, "and tested: {}", ran.stdout);
        assert_eq!(bench.show("belay/001-numbers", "one.py"), "N = 7");
        let message = bench.git(&["log", "-1", "--format=%B", "belay/001-numbers"]);
        assert!(message.contains("\nCo-authored-by: Grace <grace@example.org>"), "{message}");
        assert!(issue(&bench, &url).contains("state: closed"), "{}", issue(&bench, &url));
        assert_eq!(bench.persons_things(), before, "branch and checkout stay");
        models.stop().await;
    }
}

/// Work on newer commits of the base is work on the item's files alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_from_the_base_is_nobodys_work_on_the_item() {
    let models = server(no_coder()).await;
    let bench = bench(&models);
    let url = degraded(&bench).await;
    bench.write("README.md", "Newer.\n");
    bench.git(&["commit", "-q", "-am", "newer"]);
    commit(&bench, "mine", &[("one.py", "N = 7\n")]);
    say(&bench, &url, "Done in mine");
    let ran = bench.belay(&RUN).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    let head = bench.git(&["diff", "--name-only", "belay/001-numbers~1", "belay/001-numbers"]);
    assert!(head.contains("one.py") && !head.contains("README.md"), "{head}");
    models.stop().await;
}

/// What does not pass is told once in the issue, and leaves nothing on the branch; the next one
/// that is named may pass.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_told_once() {
    let models = server(no_coder()).await;
    let bench = bench(&models);
    let url = degraded(&bench).await;
    let one = ("one.py", "N = 7\n");
    let key = format!("KEY = \"AKIA{}\"\n", "Q3T7Z5K2M8W4X6C9");
    commit(&bench, "wide", &[one, ("README.md", "Mine.\n")]);
    commit(&bench, "guarded", &[one, (".github/workflows/x.yml", "on: push\n")]);
    commit(&bench, "other", &[("two.py", "N = 2\n")]);
    commit(&bench, "leaky", &[("one.py", &key)]);
    commit(&bench, "red", &[("one.py", "BROKEN = 1\n")]);
    bench.git(&["switch", "-q", "--orphan", "alien"]);
    bench.git(&["commit", "-q", "--allow-empty", "-m", "alien"]);
    bench.git(&["switch", "-q", "-f", "main"]);
    for (named, why) in [
        ("nowhere", "there is none of this name"),
        ("0123456789abcdef", "there is none of this name"),
        ("#12", "there is none of this name"),
        ("wide", "also changes `README.md`"),
        ("guarded", "also changes `.github/workflows/x.yml`"),
        ("other", "also changes `two.py`"),
        ("leaky", "one.py: "),
        ("alien", "no common past"),
        ("red", "the tests stay red"),
    ] {
        say(&bench, &url, &format!("Done in {named}"));
        for _ in 0..2 {
            let ran = bench.belay(&RUN).await.exits(0);
            assert_eq!(status(&ran), "degraded", "{named}: {}", ran.stderr);
        }
        let text = issue(&bench, &url);
        let told = format!("`{named}` is not taken as the work on this: ");
        assert_eq!(text.matches(&told).count(), 1, "{named}: {text}");
        let (_, told) = text.split_once(&told).expect("told");
        assert!(told.lines().next().is_some_and(|line| line.contains(why)), "{named}: {text}");
        assert_eq!(bench.git(&["diff", "--name-only", "main", "belay/001-numbers"]), "");
    }
    commit(&bench, "good", &[one]);
    say(&bench, &url, "Done in good");
    let ran = bench.belay(&RUN).await.exits(0);
    assert_eq!(status(&ran), "completed", "{}", ran.stderr);
    models.stop().await;
}

/// What a partial milestone lacks is done by a person, who closes the issue as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_partial_milestone_is_taken_from_a_person() {
    let files = ["one.py", "two.py", "three.py"].map(|file| (file, "N = 1\n"));
    let bad = ModelScript::steps([Step::path("two.py", Fault::WrongSchema)]);
    let script = Script::with_model("code", bad).with_answers(Answers::creating(files));
    let models = server(script).await;
    let bench = bench(&models);
    let ran = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(
        (status(&ran), &ran.named("run_finished")[0]["partial"]),
        (json!("completed"), &json!(true))
    );
    let url = ran.named("issue_created")[0]["url"].as_str().expect("a place").to_owned();
    commit(&bench, "mine", &[("two.py", "N = 7\n")]);
    say(&bench, &url, "Done in mine");
    bench.write(&url, &issue(&bench, &url).replace("state: open", "state: closed"));
    let again = bench.belay(&["run", "001", "--format", "json"]).await.exits(0);
    assert_eq!(again.named("run_finished")[0]["partial"], json!(false), "{}", again.stderr);
    assert_eq!(bench.show("belay/001-numbers", "two.py"), "N = 7");
    let message = bench.git(&["log", "-1", "--format=%B", "belay/001-numbers"]);
    assert!(message.contains("Co-authored-by: Grace"), "{message}");
    models.stop().await;
}

/// On GitHub: a comment by somebody with write access that names a pull request of anybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_a_maintainer_names_is_fetched_and_taken() {
    let (models, github) = (server(no_coder()).await, github().await);
    let bench = on_github(&models, &github, "");
    let remote = bench.root().join("remote.git");
    bench.git(&["init", "-q", "--bare", &remote.display().to_string()]);
    bench.git(&["remote", "add", "origin", &remote.display().to_string()]);
    let ran = belay(&bench, &RUN).await.exits(0);
    let created = ran.named("issue_created");
    let task = created.iter().find(|one| one["kind"] == "manual_task").expect("a task");
    let url = task["url"].as_str().expect("a place").to_owned();
    let number: u64 = url.rsplit('/').next().and_then(|n| n.parse().ok()).expect("a number");
    let made = commit(&bench, "theirs", &[("one.py", "N = 7\n")]);
    bench.git(&["push", "-q", "origin", "theirs:refs/pull/45/head"]);
    bench.git(&["branch", "-q", "-D", "theirs"]);

    github.world(|world| world.comment(number, "eve", "Done in #45"));
    let ignored = belay(&bench, &RUN).await.exits(0);
    assert!(ignored.named("work_offered").is_empty(), "a stranger offers nothing");
    github.world(|world| world.comment(number, "ada", "Thank you!\n\nDone in #45"));
    let taken = belay(&bench, &RUN).await.exits(0);
    assert_eq!(status(&taken), "completed", "{}", taken.stderr);
    assert_eq!(taken.named("work_offered")[0]["commit"], made);
    assert_eq!(bench.show("belay/001-numbers", "one.py"), "N = 7");
    assert!(github.world(|world| world.issues[&number].closed));
    check(&bench, &github);
    github.stop().await;
    models.stop().await;
}
