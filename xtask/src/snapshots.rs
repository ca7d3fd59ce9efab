//! Snapshots that wait for a decision, and snapshots that no test looks at any more.
//!
//! Both look like tested behaviour and are not. The tests themselves say which snapshots they
//! compared, through the file that insta appends to, so cargo alone is enough.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files::File;
use crate::problem::Problem;

/// What a test run left for somebody to accept or reject.
pub(crate) fn pending(files: &[File]) -> Vec<Problem> {
    let waits = |path: &str| path.ends_with(".snap.new") || path.ends_with(".pending-snap");
    let waiting = files.iter().filter(|file| waits(&file.path));
    waiting
        .map(|file| Problem::new(&file.path, "a pending snapshot: accept or reject it"))
        .collect()
}

/// Snapshot files that no test compared. `references` is what insta wrote, a path a line.
pub(crate) fn unreferenced(files: &[File], references: &str, top: &Path) -> Vec<Problem> {
    let referenced: BTreeSet<PathBuf> =
        references.lines().map(|line| plain(line.as_ref())).collect();
    let snapshots = files.iter().filter(|file| is_snapshot(&file.path));
    let left = snapshots.filter(|file| !referenced.contains(&plain(&top.join(&file.path))));
    left.map(|file| Problem::new(&file.path, "no test refers to this snapshot")).collect()
}

fn is_snapshot(path: &str) -> bool {
    path.ends_with(".snap") && path.split('/').any(|part| part == "snapshots")
}

/// Without `.` and `..`, which insta leaves in for tests in a folder of their own.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<File> {
        let file = |path: &&str| File { path: (*path).to_owned(), text: String::new() };
        paths.iter().map(file).collect()
    }

    fn places(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|one| one.place.as_str()).collect()
    }

    #[test]
    fn what_waits_for_a_decision_is_found() {
        let files =
            files(&["a/snapshots/x.snap", "a/snapshots/x.snap.new", "a/.b.rs.pending-snap"]);
        let found = pending(&files);
        assert_eq!(places(&found), ["a/snapshots/x.snap.new", "a/.b.rs.pending-snap"]);
    }

    #[test]
    fn a_snapshot_that_no_test_compared_is_found() {
        let files = files(&["a/snapshots/used.snap", "a/snapshots/left.snap", "a/b.rs"]);
        let references = "/top/a/tests/it/../../snapshots/used.snap\n/top/a/./b.rs\n";
        let found = unreferenced(&files, references, Path::new("/top"));
        assert_eq!(places(&found), ["a/snapshots/left.snap"]);
    }
}
