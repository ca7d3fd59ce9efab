//! What is refused: exit 2, one clear line, and nothing changed.

use std::collections::BTreeMap;
use std::process::Stdio;

use simulated_models::Script;
use tokio::io::AsyncWriteExt;

use crate::harness::{Bench, Ran, finish, server};

const IDEA: &str = "# Numbers\n\nAdd one.py.\n";

fn bench() -> Bench {
    Bench::with_files([("check.sh", "true\n"), ("ideas/backlog/001-numbers.md", IDEA)])
}

/// Refused: exit 2, nothing on standard output, one line, nothing changed.
#[track_caller]
fn refused(bench: &Bench, before: &BTreeMap<String, Vec<u8>>, ran: Ran) -> String {
    let ran = ran.exits(2);
    assert_eq!(ran.stdout, "");
    assert_eq!(&bench.persons_things(), before);
    assert!(!bench.repo.join(".git/belay").exists(), "no state is begun");
    assert!(!bench.repo.join(".belay").exists());
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    ran.stderr
        .trim_end()
        .replace(&bench.root().display().to_string(), "ROOT")
        .replace(&bench.root().canonicalize().expect("a path").display().to_string(), "ROOT")
}

async fn line(bench: &Bench, args: &[&str]) -> String {
    let before = bench.persons_things();
    let ran = bench.belay(args).await;
    refused(bench, &before, ran)
}

#[tokio::test(flavor = "multi_thread")]
async fn ideas_that_cannot_be() {
    let bench = bench();
    bench.write("ideas/backlog/002-empty.md", " \n\n");
    bench.write("ideas/backlog/003-twice-a.md", IDEA);
    bench.write("ideas/backlog/003-twice-b.md", IDEA);
    std::fs::write(bench.repo.join("ideas/backlog/004-binary.md"), [0xff, 0xfe, 0x00])
        .expect("a file");
    bench.write("ideas/backlog/005-huge.md", &"word ".repeat(60_000));
    let mut lines = Vec::new();
    for name in ["nothing.md", "009", "#12", "ideas", "002", "003", "004", "005"] {
        lines.push(format!("{name:?}: {}", line(&bench, &["run", name]).await));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_idea_on_standard_input() {
    let bench = bench();
    let before = bench.persons_things();
    let mut child = bench.command(&["run", "-"]).stdin(Stdio::piped()).spawn().expect("belay");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"\n \n").await.expect("written");
    drop(stdin);
    insta::assert_snapshot!(refused(&bench, &before, finish(child).await), @"error[idea-unreadable]: standard input: the idea is empty: write at least a title");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_no_repository() {
    let bench = bench();
    let root = bench.root();
    std::fs::create_dir_all(root.join("plain")).expect("a folder");
    bench.git(&["init", "-q", "--bare", "../bare.git"]);
    bench.git(&["init", "-q", "../fresh"]);
    let mut lines = Vec::new();
    for place in ["plain", "bare.git", "fresh", "missing"] {
        let path = root.join(place).display().to_string();
        lines.push(line(&bench, &["run", "--repo", &path]).await);
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_that_cannot_be() {
    let cases = [
        ("unknown key", "roles:\n  planner: { chian: [a/b] }\n"),
        ("wrong type", "run:\n  parallel: many\n"),
        ("out of range", "partial_success:\n  min_success_rate: 1.5\n"),
        (
            "unknown provider",
            "providers:\n  a: { kind: openai, base_url: \"http://127.0.0.1:1/v1\" }\nroles:\n  planner: { chain: [opnai/x] }\n",
        ),
        ("not http", "providers:\n  a: { kind: openai, base_url: \"ftp://127.0.0.1/v1\" }\n"),
        ("no unit", "run: { timeout: 30 }\n"),
        (
            "no key",
            "providers:\n  a: { kind: openai, base_url: \"http://127.0.0.1:1/v1\", api_key_env: NOT_SET }\nroles:\n  planner: { chain: [a/x] }\n",
        ),
        ("not YAML", "roles: [unclosed\n"),
        ("a bad glob", "guard:\n  deny: [\"a[\"]\n"),
        ("missing templates", "degradation: { templates: nowhere }\n"),
        ("a missing base", "run: { base: nowhere }\n"),
    ];
    let bench = bench();
    std::fs::write(bench.repo.join(".git/info/exclude"), "belay.yaml\n").expect("an exclude file");
    let mut lines = Vec::new();
    for (name, text) in cases {
        bench.write("belay.yaml", text);
        lines.push(format!("{name}: {}", line(&bench, &["run", "001"]).await));
    }
    std::fs::remove_file(bench.repo.join("belay.yaml")).expect("removed");
    lines.push(format!(
        "no such file: {}",
        line(&bench, &["run", "001", "--config", "other.yaml"]).await
    ));
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_of_that_name_that_is_not_this_ideas() {
    let bench = bench();
    bench.git(&["branch", "belay/001-numbers"]);
    let taken = line(&bench, &["run", "001"]).await;
    bench.git(&["branch", "-D", "belay/001-numbers"]);
    bench.git(&["branch", "belay"]);
    let in_the_way = line(&bench, &["run", "001"]).await;
    bench.git(&["branch", "feature/x"]);
    let below = line(&bench, &["run", "001", "--branch", "feature"]).await;
    bench.git(&["pack-refs", "--all"]);
    assert_eq!(line(&bench, &["run", "001", "--branch", "feature"]).await, below);
    let bad = line(&bench, &["run", "001", "--branch", "a..b"]).await;
    insta::assert_snapshot!([taken, in_the_way, below, bad].join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_and_runs_that_cannot_be() {
    let bench = bench();
    let timeout = line(&bench, &["run", "001", "--timeout", "soon"]).await;
    let run = line(&bench, &["runs", "show", "01ARZ3"]).await;
    let resume = line(&bench, &["resume", "01ARZ3"]).await;
    insta::assert_snapshot!([timeout, run, resume].join("\n"));
    bench.belay(&["run", "--parallel", "0"]).await.exits(2);
    bench.belay(&["walk"]).await.exits(2);
}

/// A broken idea in the backlog is warned of and passed over.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_idea_does_not_stop_the_next_one() {
    let server = server(Script::default()).await;
    let bench = Bench::with_files([
        ("ideas/backlog/001-empty.md", "\n"),
        ("ideas/backlog/002-good.md", "# Good\n\nAdd a feature.\n"),
    ]);
    bench.config(&server, MODELS);
    let ran = bench.belay(&["run", "--format", "json", "--dry-run"]).await.exits(0);
    assert_eq!(ran.events()[0]["idea"], "002-good");
    assert!(ran.stderr.contains("warning: ideas/backlog/001-empty.md"), "{}", ran.stderr);
    server.stop().await;
}

const MODELS: &str = "roles:\n  planner: { chain: [a/m] }\n  coder: { chain: [a/m] }\n  reviewer: { chain: [a/m] }\n";

/// An idea whose branch somebody else has is warned of, and the next one is begun.
#[tokio::test(flavor = "multi_thread")]
async fn an_idea_that_cannot_have_a_branch_does_not_stop_the_next_one() {
    let server = server(Script::default()).await;
    let bench = Bench::with_files([
        ("ideas/backlog/001-taken.md", IDEA),
        ("ideas/backlog/002-good.md", IDEA),
    ]);
    bench.config(&server, MODELS);
    bench.git(&["branch", "belay/001-taken"]);
    let ran = bench.belay(&["run", "--format", "json", "--dry-run"]).await.exits(0);
    assert_eq!(ran.events()[0]["idea"], "002-good");
    assert!(ran.stderr.contains("warning: 001-taken is passed over"), "{}", ran.stderr);
    server.stop().await;
}

/// Names that git takes for no branch, and two names that would share one.
#[tokio::test(flavor = "multi_thread")]
async fn every_idea_of_the_backlog_gets_a_branch_of_its_own() {
    let server = server(Script::default()).await;
    let names = ["1 b", "1-b", "2..b", "3.lock"];
    let paths = names.map(|name| format!("ideas/backlog/{name}.md"));
    let bench = Bench::with_files(paths.iter().map(|path| (path.as_str(), IDEA)));
    bench.config(&server, MODELS);
    let mut branches = Vec::new();
    for path in &paths {
        let ran = bench.belay(&["run", path, "--format", "json", "--dry-run"]).await.exits(0);
        branches.push(ran.events()[0]["branch"].as_str().expect("a branch").to_owned());
    }
    let shared = branches[1].strip_prefix("belay/1-b-").expect("a hash behind the name");
    assert_eq!(shared.len(), 8);
    assert_eq!(
        (&*branches[0], &*branches[2], &*branches[3]),
        ("belay/1-b", "belay/2-b", "belay/3-lock")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_backlog_is_nothing_to_do() {
    let bench = Bench::with_files([("README.md", "nothing\n")]);
    let ran = bench.belay(&["run"]).await.exits(0);
    assert!(ran.stderr.contains("Nothing to do"), "{}", ran.stderr);
}

/// What a workflow passes on for inputs that were not given.
#[tokio::test(flavor = "multi_thread")]
async fn empty_variables_count_as_absent() {
    let bench = Bench::with_files([("README.md", "nothing\n")]);
    let names =
        ["TIMEOUT_MINUTES", "MAX_ITERATIONS", "BELAY_CONFIG", "BELAY_LOG", "IDEA_ID", "RESUME"];
    let mut command = bench.command(&["run"]);
    command.envs(names.map(|name| (name, "")));
    let ran = finish(command.spawn().expect("belay")).await.exits(0);
    assert!(ran.stderr.contains("Nothing to do"), "{}", ran.stderr);
    let mut wrong = bench.command(&["run"]);
    wrong.env("TIMEOUT_MINUTES", "soon");
    finish(wrong.spawn().expect("belay")).await.exits(2);
}

/// Trap 38: a worktree inside the repository is green by luck.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_folder_inside_the_repository() {
    let bench = bench();
    for cache in ["cache", "deep/er/cache"] {
        let before = bench.persons_things();
        let mut command = bench.command(&["run", "001"]);
        command.env("XDG_CACHE_HOME", bench.repo.join(cache));
        let told = refused(&bench, &before, finish(command.spawn().expect("belay")).await);
        assert!(told.contains(cache) && told.contains("XDG_CACHE_HOME"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_through_nothing_that_is_no_folder() {
    let bench = Bench::with_files([("README.md", "a\n")]);
    let outside = bench.root().join("outside");
    std::fs::create_dir_all(&outside).expect("a folder");
    let ideas = bench.repo.join("ideas");
    std::os::unix::fs::symlink(&outside, &ideas).expect("a link");
    let link = line(&bench, &["init"]).await;
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
    std::fs::remove_file(&ideas).expect("removed");
    std::fs::write(&ideas, "a file\n").expect("a file");
    let file = line(&bench, &["init"]).await;
    assert!(!bench.repo.join("belay.yaml").exists());
    insta::assert_snapshot!([link, file].join("\n"), @r"
    error[in-the-way]: ideas is a symbolic link, where a folder is to be; nothing is written
    error[in-the-way]: ideas is a file, where a folder is to be; nothing is written
    ");
}
