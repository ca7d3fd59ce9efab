//! Repositories of which a part is elsewhere: commits, large files, modules.

use simulated_models::FileAnswer;

use super::{
    BRANCH, NUMBERS, blocked_over, changed, ends, plain, plan, reports, rounds, run, started,
};
use crate::harness::Bench;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

/// A milestone beside what is odd goes through.
async fn goes_through(bench: &Bench) {
    let server = started(bench, reports(&["up\n"]), NUMBERS).await;
    let ran = run(bench).await;
    ends(&ran, "completed");
    assert_eq!(changed(bench), ["report.txt"]);
    assert_eq!(bench.show(BRANCH, "report.txt"), "up");
    bench.git(&["fsck", "--no-dangling", "--connectivity-only"]);
    server.stop().await;
}

/// A milestone that writes this path does not land, and the path is named.
async fn refuses(bench: &Bench, path: &str, answer: FileAnswer) {
    let exists = bench.repo.join(path).exists();
    let (create, modify) = if exists { (vec![], vec![path]) } else { (vec![path], vec![]) };
    let answers = rounds(plan(&create, &modify), &[&[(path, answer)]]);
    let server = started(bench, answers, NUMBERS).await;
    let ran = run(bench).await;
    blocked_over(bench, &ran, &[path]);
    let failed = ran.named("item_failed");
    let told = failed.first().map(|event| event["message"].to_string()).unwrap_or_default();
    assert!(told.contains(path), "{failed:?} {}", ran.stderr);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shallow_clone_gets_its_commit() {
    let mut bench = plain();
    bench.git(&["commit", "-q", "--allow-empty", "-m", "second"]);
    let from = format!("file://{}", bench.repo.display());
    let shallow = bench.root().join("shallow");
    bench.git(&["clone", "-q", "--depth", "1", &from, shallow.to_str().expect("text")]);
    bench.repo = shallow;
    bench.git(&["config", "user.name", "Ada"]);
    bench.git(&["config", "user.email", "ada@example.org"]);
    assert_eq!(bench.git(&["rev-parse", "--is-shallow-repository"]), "true");
    goes_through(&bench).await;
    assert_eq!(bench.git(&["rev-list", "--count", BRANCH]), "2", "one commit on what was cloned");
}

/// As a clone leaves them where git-lfs is not installed, and the config demands it.
fn with_large_files() -> Bench {
    let bench = plain();
    bench.write("big.bin", POINTER);
    bench.git(&["add", "-A"]);
    bench.git(&["commit", "-q", "-m", "pointers"]);
    bench.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    bench.git(&["add", ".gitattributes"]);
    bench.git(&["commit", "-q", "-m", "attributes"]);
    for (key, value) in [
        ("clean", "git-lfs-is-not-here clean -- %f"),
        ("smudge", "git-lfs-is-not-here smudge -- %f"),
        ("process", "git-lfs-is-not-here filter-process"),
        ("required", "true"),
    ] {
        bench.git(&["config", &format!("filter.lfs.{key}"), value]);
    }
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn pointers_of_large_files_stay_as_they_are() {
    let bench = with_large_files();
    goes_through(&bench).await;
    assert_eq!(bench.show(BRANCH, "big.bin"), POINTER.trim_end());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_in_the_place_of_a_large_files_pointer_is_refused() {
    refuses(&with_large_files(), "new.bin", FileAnswer::create("content\n")).await;
    refuses(&with_large_files(), "big.bin", FileAnswer::modify("content\n")).await;
}

/// With a module that is there, or of which only the commit is known.
fn with_module(initialised: bool) -> Bench {
    let bench = plain();
    let other = bench.root().join("other");
    bench.git(&["clone", "-q", ".", other.to_str().expect("text")]);
    let from = other.to_str().expect("text");
    bench.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, "module"]);
    bench.git(&["commit", "-q", "-m", "module"]);
    if !initialised {
        bench.git(&["submodule", "--quiet", "deinit", "-f", "module"]);
    }
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_stays_at_its_commit() {
    for initialised in [true, false] {
        let bench = with_module(initialised);
        let module = bench.git(&["rev-parse", "main:module"]);
        goes_through(&bench).await;
        assert_eq!(bench.git(&["rev-parse", &format!("{BRANCH}:module")]), module);
        assert_eq!(bench.repo.join("module/start.txt").exists(), initialised);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_into_a_module() {
    for initialised in [true, false] {
        let bench = with_module(initialised);
        refuses(&bench, "module/report.txt", FileAnswer::create("up\n")).await;
        assert!(!bench.repo.join("module/report.txt").exists());
    }
}
