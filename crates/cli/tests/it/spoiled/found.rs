//! What a run left behind, read from outside: events, branch, issues.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::fixture::{self, BRANCH};
use crate::harness::Bench;

/// The turns of a run, in order, without what goes well by the way.
pub(crate) fn turns(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(turn).collect()
}

fn turn(event: &Value) -> Option<String> {
    let number = &event["milestone"];
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    Some(match event["event"].as_str()? {
        "partial_accepted" => {
            format!("{number} partial, {} %, {}", event["percent"], text("success"))
        }
        "tests_passed" if number.is_u64() => format!("{number} green"),
        "tests_failed" if number.is_u64() => format!("{number} red"),
        "milestone_rolled_back" => {
            let outcome = event["outcome"].as_str().unwrap_or("again");
            let (done, total) = (&event["succeeded"], &event["total"]);
            format!("{number} back, {done} of {total}, {outcome}")
        }
        "milestone_committed" => format!("{number} committed, partial: {}", event["partial"]),
        "milestone_reopened" => {
            let files: Vec<&str> =
                event["files"].as_array()?.iter().filter_map(Value::as_str).collect();
            let mut order: Vec<&str> = fixture::files().map(|file| file.path).collect();
            order.retain(|path| files.contains(path));
            format!("{number} is the rest of {}: {}", event["rest_of"], order.join(" "))
        }
        "milestone_dropped" => format!("{number} dropped"),
        "run_finished" => format!("{}, partial: {}", text("status"), event["partial"]),
        _ => return None,
    })
}

/// An issue's file, and the planned files that it is about.
#[derive(Debug)]
pub(crate) struct Issue {
    pub(crate) url: String,
    pub(crate) open: bool,
    pub(crate) files: BTreeSet<&'static str>,
}

/// Every issue that was ever made.
pub(crate) fn issues(bench: &Bench) -> Vec<Issue> {
    let Ok(entries) = fs::read_dir(bench.repo.join(".belay/issues")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names: BTreeSet<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let names = names.into_iter().filter(|name| name.ends_with(".md"));
    names.map(|name| issue(bench, format!(".belay/issues/{name}"))).collect()
}

fn issue(bench: &Bench, url: String) -> Issue {
    let text = fs::read_to_string(bench.repo.join(&url)).expect("an issue");
    // Lists of files; what a test printed or a model said may name others.
    let lists = |line: &&str| line.starts_with("- ") || line.starts_with("Files of the milestone:");
    let lines: Vec<&str> = text.lines().filter(lists).collect();
    let is_told = |path: &&str| lines.iter().any(|line| line.contains(*path));
    let files = fixture::files().map(|file| file.path).filter(is_told).collect();
    Issue { url, open: text.lines().any(|line| line == "state: open"), files }
}

/// A person closes the issue.
pub(crate) fn close(bench: &Bench, issue: &Issue) {
    let path = bench.repo.join(&issue.url);
    let text = fs::read_to_string(&path).expect("an issue");
    fs::write(path, text.replacen("state: open", "state: closed", 1)).expect("an issue");
}

/// The paths at the branch's tip.
pub(crate) fn tree(bench: &Bench) -> BTreeSet<String> {
    let listed = bench.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    listed.lines().map(str::to_owned).collect()
}

/// Checks out every commit of the branch, the base included, and gives those at which the tests
/// are red, with how many there are in all.
pub(crate) fn red_commits(bench: &Bench) -> (Vec<String>, usize) {
    let listed = bench.git(&["rev-list", "--reverse", BRANCH]);
    let commits: Vec<&str> = listed.lines().collect();
    let scratch = bench.root().join("scratch");
    let folder = scratch.to_str().expect("a path");
    bench.git(&["worktree", "add", "-q", "--detach", folder, commits[0]]);
    let red = commits.iter().filter(|commit| {
        bench.git(&["-C", folder, "checkout", "-q", "--detach", commit]);
        !passes(&scratch)
    });
    let red = red.map(|commit| (*commit).to_owned()).collect();
    bench.git(&["worktree", "remove", "--force", folder]);
    (red, commits.len())
}

/// Whether the project's tests pass in this folder.
pub(crate) fn passes(folder: &std::path::Path) -> bool {
    let mut tests = Command::new("sh");
    tests.arg("-c").arg(fixture::TEST_COMMAND).current_dir(folder);
    tests.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    tests.status().expect("sh").success()
}
