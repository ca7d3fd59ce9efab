//! How much of a workspace is read, and what is ignored.

use std::collections::BTreeSet;

use worktree::{SnapshotLimits, WhyLeftOut};

use super::{Scene, left_out, limits};
use crate::Place;

#[tokio::test]
async fn more_than_the_limits_allow_is_named_and_not_read() {
    let scene = Scene::with(&[("old.txt", "old\n"), ("grown.txt", "small\n")]).await;
    scene
        .sh("for i in 1 2 3 4 5; do echo $i > new$i; done; head -c 2000 /dev/zero > large
             head -c 2000 /dev/zero > grown.txt; echo new > old.txt")
        .await;
    let few = SnapshotLimits { new_paths: 4, file_bytes: 1000, ..limits() };
    let snapshot = scene.workspace.snapshot(&few).await.unwrap();
    let found = left_out(&snapshot);
    assert_eq!(
        found,
        [
            "grown.txt: too large",
            "large: too large",
            "new4: one of too many new files",
            "new5: one of too many new files"
        ]
    );
    let changes = scene.changes(&snapshot.tree).await;
    assert_eq!(changes, "A 100644 new1\nA 100644 new2\nA 100644 new3\nM 100644 old.txt");

    let little = SnapshotLimits { all_bytes: 8, ..limits() };
    let snapshot = scene.workspace.snapshot(&little).await.unwrap();
    assert!(snapshot.left_out.iter().all(|left| left.why == WhyLeftOut::TooLarge));
    assert_eq!(scene.changes(&snapshot.tree).await.lines().count(), 3);
}

#[tokio::test]
async fn a_file_of_the_same_size_that_is_too_large_is_compared_but_not_stored() {
    let large = "x".repeat(5000);
    let scene = Scene::with(&[("same", &large), ("other", &large)]).await;
    scene.sh("touch same; tr x y < same > other").await;
    let few = SnapshotLimits { file_bytes: 1000, ..limits() };
    let snapshot = scene.workspace.snapshot(&few).await.unwrap();
    assert_eq!(
        (&snapshot.tree, left_out(&snapshot)),
        (&scene.tree, vec!["other: too large".into()])
    );
}

#[tokio::test]
async fn very_many_are_counted_and_only_some_named() {
    let scene = Scene::with(&[("a.txt", "a")]).await;
    scene.sh("mkdir many; cd many; seq 1 500 | xargs touch").await;
    let none = SnapshotLimits { new_paths: 0, ..limits() };
    let snapshot = scene.workspace.snapshot(&none).await.unwrap();
    assert_eq!((snapshot.left_out.len(), snapshot.more_left_out), (100, 400));
    assert_eq!(snapshot.tree, scene.tree);
}

const RULES: &str = "build/\n*.o\n!keep.o\n/only-here\nnode_modules/\nlogs/*\n!logs/kept\n";

async fn with_rules() -> Scene {
    let place = Place::with(&[
        (".gitignore", RULES),
        ("sub/.gitignore", "*.tmp\n!*.o\n"),
        ("sub/a.txt", "a"),
    ])
    .await;
    place.put("sub/tracked.tmp", "t");
    place.put("build/tracked.txt", "t");
    place.git("add -f sub/tracked.tmp build/tracked.txt").await;
    place.git("commit -q -m tracked").await;
    place.put(".git/info/exclude", "*.mine\n");
    Scene::of(place).await
}

const MADE: &str = "mkdir -p build node_modules/x sub/build logs deep/build
    echo x | tee build/x build/y.txt node_modules/x/index.js a.o keep.o sub/a.o sub/a.tmp \
        only-here sub/only-here sub/build/x logs/x logs/kept my.mine deep/build/x deep/y
    echo changed | tee sub/tracked.tmp build/tracked.txt";

const KEPT: &str = "M 100644 build/tracked.txt\nA 100644 deep/y\nA 100644 keep.o\n\
    A 100644 logs/kept\nA 100644 sub/a.o\nA 100644 sub/only-here\nM 100644 sub/tracked.tmp";

#[tokio::test]
async fn what_the_tree_ignored_is_left_out_unless_it_was_in_the_tree() {
    let scene = with_rules().await;
    scene.sh(MADE).await;
    let snapshot = scene.snapshot().await;
    assert_eq!(left_out(&snapshot), [""; 0]);
    assert_eq!(scene.changes(&snapshot.tree).await, KEPT);
}

/// A program hides its output, or brings out what a project ignores.
#[tokio::test]
async fn rules_that_were_changed_there_do_not_count() {
    let scene = with_rules().await;
    scene.sh(MADE).await;
    scene.sh("echo '*' > .gitignore; echo '!*' > sub/.gitignore; echo '*' > deep/.gitignore").await;
    scene.sh("echo '*' > .git/info/exclude; git config core.excludesFile $PWD/.gitignore").await;
    let snapshot = scene.snapshot().await;
    let rules = ["M 100644 .gitignore", "M 100644 sub/.gitignore", "A 100644 deep/.gitignore"];
    let changes = scene.changes(&snapshot.tree).await;
    let kept: Vec<&str> = changes.lines().filter(|line| !rules.contains(line)).collect();
    assert_eq!(kept.join("\n"), KEPT);
    assert_eq!(changes.lines().count(), kept.len() + rules.len());
}

#[tokio::test]
async fn what_was_asked_for_is_read_though_it_is_ignored() {
    let scene = with_rules().await;
    scene.sh(MADE).await;
    let wanted = ["deep/build/x", "a.o", "node_modules/none"].map(str::to_owned);
    let limits = SnapshotLimits { wanted: BTreeSet::from(wanted), ..limits() };
    let snapshot = scene.workspace.snapshot(&limits).await.unwrap();
    let changes = scene.changes(&snapshot.tree).await;
    let more: Vec<&str> = changes.lines().filter(|line| !KEPT.contains(line)).collect();
    assert_eq!(more, ["A 100644 a.o", "A 100644 deep/build/x"]);
}
