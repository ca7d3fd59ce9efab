//! Places for programs of others: made, read, removed, whatever was done there.

mod hostile;
mod left;
mod limits;
mod untouched;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use subprocess::{Command, run};
use tokio_util::sync::CancellationToken;
use worktree::{Error, Repository, Snapshot, SnapshotLimits, TreeId, WhyLeftOut, Workspace};

use crate::{Place, env, git_in, head, put};

/// A repository and a workspace of its HEAD.
struct Scene {
    place: Place,
    repository: Repository,
    tree: TreeId,
    workspace: Workspace,
}

impl Scene {
    async fn with(files: &[(&str, &str)]) -> Self {
        Self::of(Place::with(files).await).await
    }

    async fn of(place: Place) -> Self {
        let repository = place.open().await;
        let (_, tree) = head(&repository).await;
        let workspace = repository.workspace(&spot(&place), &tree).await.unwrap();
        Self { place, repository, tree, workspace }
    }

    /// Does something in the workspace.
    async fn sh(&self, script: &str) {
        sh(self.workspace.path(), script).await;
    }

    async fn snapshot(&self) -> Snapshot {
        self.workspace.snapshot(&limits()).await.unwrap()
    }

    /// What changed, a line a path.
    async fn changes(&self, tree: &TreeId) -> String {
        let args = format!("diff-tree -r --no-renames --raw --abbrev=4 {} {tree}", self.tree);
        let lines = self.place.git(&args).await;
        let line = |line: &str| {
            let fields: Vec<&str> = line.split([' ', '\t']).collect();
            format!("{} {} {}", fields[4], &fields[1], fields[5..].join(" "))
        };
        lines.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Where only we put anything.
fn spot(place: &Place) -> PathBuf {
    folder(place).join("1-1")
}

fn folder(place: &Place) -> PathBuf {
    let dir = place.repo().parent().unwrap().to_owned();
    dir.join("cache/workspaces/01ARZ3NDEKTSV4RRFFQ69G5FAV")
}

fn limits() -> SnapshotLimits {
    SnapshotLimits {
        new_paths: 100,
        file_bytes: 1 << 20,
        all_bytes: 10 << 20,
        wanted: BTreeSet::new(),
    }
}

async fn sh(dir: &Path, script: &str) {
    let command = Command::new("sh", dir).args(["-ec", script]).env(env());
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert!(output.success(), "{script}: {}", output.stderr.text());
}

/// What was left out, a line each.
fn left_out(snapshot: &Snapshot) -> Vec<String> {
    assert_eq!(snapshot.more_left_out, 0);
    snapshot.left_out.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn it_is_a_repository_of_its_own() {
    let scene = Scene::with(&[("a.txt", "a\n"), ("dir/b.txt", "b\n")]).await;
    scene.place.git("remote add origin https://example.org/x").await;
    let dir = scene.workspace.path();
    assert_eq!(dir, spot(&scene.place));
    assert_eq!(scene.workspace.tree(), &scene.tree);
    assert_eq!(std::fs::read_to_string(dir.join("dir/b.txt")).unwrap(), "b\n");
    assert!(dir.join(".git").is_dir());
    for (args, answer) in [
        ("status --porcelain", ""),
        ("branch --show-current", "work"),
        ("rev-list --count --all", "1"),
        ("remote", ""),
        ("stash list", ""),
        ("config user.name", "belay"),
        ("rev-parse HEAD^{tree}", scene.tree.as_str()),
        ("worktree list --porcelain", "worktree"),
        ("fsck --strict --no-dangling", ""),
    ] {
        let said = git_in(dir, args).await;
        assert!(said == answer || answer == "worktree" && said.starts_with(answer), "{said}");
    }
    assert_eq!(scene.place.git("worktree list").await.lines().count(), 1);
    scene.workspace.remove().await.unwrap();
    assert_eq!(std::fs::read_dir(folder(&scene.place)).unwrap().count(), 0);
}

#[tokio::test]
async fn what_was_made_changed_and_removed_comes_back() {
    let place =
        Place::with(&[("edit.txt", "one\n"), ("same.txt", "one\n"), ("tool", "x"), ("gone", "x")])
            .await;
    place.put("dir/a.txt", "a");
    place.put("dir/b.txt", "b");
    place.put("file", "f");
    sh(&place.repo(), "ln -s edit.txt link; ln -s edit.txt other; git add -A; git commit -qm 2")
        .await;
    let scene = Scene::of(place).await;
    scene
        .sh("printf 'two\\n' > edit.txt; printf 'one\\n' > same.txt; chmod +x tool; rm gone
             rm -r dir; echo now a file > dir; rm file; mkdir file; echo x > file/inside
             ln -sf same.txt link; rm other; echo x > other
             mkdir -p new/er; printf 'a\\r\\nb' > new/er/ü.txt; printf '#!/bin/sh\\n' > new/run
             chmod +x new/run; ln -s /etc/passwd new/link; mkdir empty")
        .await;
    let snapshot = scene.snapshot().await;
    assert_eq!(left_out(&snapshot), [""; 0]);
    insta::assert_snapshot!(scene.changes(&snapshot.tree).await, @r#"
    A 100644 dir
    D 000000 dir/a.txt
    D 000000 dir/b.txt
    M 100644 edit.txt
    D 000000 file
    A 100644 file/inside
    D 000000 gone
    M 120000 link
    A 100644 "new/er/\303\274.txt"
    A 120000 new/link
    A 100755 new/run
    T 100644 other
    M 100755 tool
    "#);
    let text = scene.place.git(&format!("cat-file -p {}:new/er/ü.txt", snapshot.tree)).await;
    assert_eq!(text, "a\r\nb");
    let link = scene.place.git(&format!("cat-file -p {}:new/link", snapshot.tree)).await;
    assert_eq!(link, "/etc/passwd");
    assert_eq!(scene.snapshot().await, snapshot, "a second look sees the same");
}

/// The trees that the person may have made there are the trees that git would make.
#[tokio::test]
async fn the_tree_is_the_one_that_git_would_make() {
    let scene = Scene::with(&[("a.txt", "a\n"), ("dir/b.txt", "b\n"), ("c.txt", "c\n")]).await;
    scene.sh("echo x >> a.txt; rm dir/b.txt; mkdir -p e/f; echo n > e/f/g; mv c.txt e/h").await;
    let snapshot = scene.snapshot().await;
    git_in(scene.workspace.path(), "add -A").await;
    let tree = git_in(scene.workspace.path(), "write-tree").await;
    assert_eq!(snapshot.tree.as_str(), tree);
    let files = scene.repository.files(&snapshot.tree).await.unwrap();
    assert_eq!(files.len(), 3);
}

#[tokio::test]
async fn made_again_at_the_same_path_it_holds_the_other_tree() {
    let scene = Scene::with(&[("a.txt", "a")]).await;
    scene.sh("echo x > b.txt; git add -A; git commit -qm x; chmod 000 .git").await;
    let other = scene.snapshot().await.tree;
    let again = scene.repository.workspace(&spot(&scene.place), &other).await.unwrap();
    assert_eq!(std::fs::read_to_string(again.path().join("b.txt")).unwrap(), "x\n");
    assert_eq!(git_in(again.path(), "rev-list --count --all").await, "1");
    let snapshot = again.snapshot(&limits()).await.unwrap();
    assert_eq!(snapshot.tree, other);
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let other = Place::with(&[("o.txt", "o")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let beside = place.repo().parent().unwrap().to_owned();
    put(&beside, "folder/precious.txt", "x");
    put(&beside, "file", "x");
    put(&beside, "marked/precious.txt", "x");
    put(&beside, "marked-workspace", "not a mark");
    let theirs = other.open().await;
    let (_, their_tree) = head(&theirs).await;
    theirs.workspace(&beside.join("theirs"), &their_tree).await.unwrap();
    let spots = ["folder", "file", "marked", "theirs"].map(|name| beside.join(name));
    let within = [place.repo().join("within"), place.repo(), beside.clone()];
    for path in spots.iter().chain(&within) {
        let made = repository.workspace(path, &tree).await;
        assert!(matches!(made, Err(Error::NotOurs { .. })), "{}: {made:?}", path.display());
    }
    assert!(matches!(
        repository.clear_workspaces(&beside.join("folder")).await,
        Err(Error::NotOurs { .. })
    ));
    for kept in ["folder/precious.txt", "file", "marked/precious.txt", "theirs/o.txt"] {
        assert!(beside.join(kept).is_file(), "{kept}");
    }
    assert!(repository.left_workspaces(&beside).await.unwrap().is_empty());
    std::fs::create_dir(beside.join("empty")).unwrap();
    let made = repository.workspace(&beside.join("empty"), &tree).await.unwrap();
    assert!(made.path().join("a.txt").exists());
}

#[tokio::test]
async fn a_tree_that_does_not_exist_is_an_error_and_nothing_is_made() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, other) = (place.open().await, Place::with(&[("b", "b")]).await);
    let (_, tree) = head(&other.open().await).await;
    let made = repository.workspace(&spot(&place), &tree).await;
    assert!(matches!(made, Err(Error::Git { .. })), "{made:?}");
    assert!(!folder(&place).exists());
}

/// Several coders begin at the same moment.
#[tokio::test]
async fn several_are_made_and_read_at_once() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let one = |name: &'static str| {
        let (repository, tree, path) =
            (repository.clone(), tree.clone(), folder(&place).join(name));
        async move {
            let workspace = repository.workspace(&path, &tree).await.unwrap();
            put(workspace.path(), name, name);
            let snapshot = workspace.snapshot(&limits()).await.unwrap();
            workspace.remove().await.unwrap();
            snapshot.tree
        }
    };
    let (a, b, c) = tokio::join!(one("1-1"), one("1-2"), one("1-3"));
    for (tree, name) in [(a, "1-1"), (b, "1-2"), (c, "1-3")] {
        let names = place.git(&format!("ls-tree -r --name-only {tree}")).await;
        assert_eq!(names, format!("{name}\na.txt"));
    }
}

#[tokio::test]
async fn one_that_was_emptied_is_the_empty_tree() {
    let scene = Scene::with(&[("a.txt", "a"), ("dir/b.txt", "b")]).await;
    scene.sh("rm -r * .git").await;
    let tree = scene.snapshot().await.tree;
    assert_eq!(scene.place.git(&format!("ls-tree {tree}")).await, "");
}

/// What is to be saved is saved after everything else was cancelled.
#[tokio::test]
async fn a_cancelled_one_can_still_be_read_by_another_token() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let token = CancellationToken::new();
    let repository = place.open().await.with_cancel(token.clone());
    let (_, tree) = head(&repository).await;
    let workspace = repository.workspace(&spot(&place), &tree).await.unwrap();
    token.cancel();
    let snapshot = workspace.snapshot(&limits()).await;
    assert!(matches!(snapshot, Err(Error::Cancelled)), "{snapshot:?}");
    let workspace = workspace.with_cancel(CancellationToken::new());
    assert_eq!(workspace.snapshot(&limits()).await.unwrap().tree, tree);
    workspace.remove().await.unwrap();
}

#[test]
fn reasons_are_clauses_for_people() {
    let left = worktree::LeftOut { path: "a\nb".to_owned(), why: WhyLeftOut::TooLarge };
    assert_eq!(left.to_string(), "a; b: too large");
}
