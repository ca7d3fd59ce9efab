//! What programs with tools do in there, by mistake or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use worktree::{Error, WhyLeftOut};

use super::{Scene, folder, left_out, limits, sh, spot};
use crate::Place;

/// Everything below a folder with its content, but for objects and what is
/// belay's own.
fn surroundings(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".git/objects") || path.ends_with(".git/belay") {
                continue;
            }
            let facts = path.symlink_metadata().unwrap();
            let modified = facts.modified().unwrap();
            if facts.is_dir() {
                open.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                found.insert(path, format!("{modified:?} {content:?}"));
            }
        }
    }
    found
}

/// The promise that matters most.
#[tokio::test]
async fn nothing_that_git_does_in_there_reaches_the_persons_repository() {
    let place = Place::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).await;
    place.git("branch other").await;
    place.git("config x.y mine").await;
    place.put("a.txt", "stashed\n");
    place.git("stash -q").await;
    place.put("a.txt", "staged\n");
    place.git("add a.txt").await;
    place.put("b.txt", "edited\n");
    let away = place.repo().with_file_name("away");
    place.git(&format!("worktree add -q {} other", away.display())).await;
    let before = surroundings(&place.repo());
    let scene = Scene::of(place).await;
    scene
        .sh("echo x > new.txt; git add -A; git commit -qm work; git branch -f other
             git branch -f main; git tag v1; echo y > a.txt; git stash -q; git checkout -qb mine
             git config x.y theirs; git config --unset user.name; git worktree prune
             git worktree add -q ../beside; git worktree remove ../beside
             git update-ref refs/belay/salvage/x HEAD; git update-ref -d refs/heads/work
             git reflog expire --expire=now --all; git gc -q --prune=now; git repack -qad
             git update-index --refresh; git symbolic-ref HEAD refs/heads/other
             git submodule init; git notes add -m x; git pack-refs --all")
        .await;
    let snapshot = scene.snapshot().await;
    assert_eq!(scene.changes(&snapshot.tree).await, "A 100644 new.txt");
    scene.place.git("fsck --strict").await;
    scene.workspace.remove().await.unwrap();
    let after = surroundings(&scene.place.repo());
    let all = before.keys().chain(after.keys());
    let differing: Vec<_> = all.filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(differing.is_empty(), "{differing:?}");
}

/// Wherever its `.git` leads, what lies there is what is read.
#[tokio::test]
async fn what_became_of_its_git_directory_does_not_matter() {
    for damage in [
        "rm -rf .git",
        "rm -rf .git; echo gitdir: /nowhere > .git",
        "rm -rf .git; ln -s ../../../../repo/.git .git",
        "rm -rf .git; git init -q .",
        "rm -rf .git; mkfifo .git",
        "rm .git/objects/info/alternates .git/index",
        "chmod 000 .git/objects .git/index .git",
        "git config core.worktree /etc; git config core.bare true",
        "git config core.hooksPath .; git config core.fsmonitor ./run; git config core.pager false",
        "head -c 10000 /dev/urandom > .git/index; echo x > .git/config",
    ] {
        let scene = Scene::with(&[("a.txt", "a\n")]).await;
        scene.sh(&format!("echo new > new.txt; {damage}")).await;
        let snapshot = scene.snapshot().await;
        assert_eq!(scene.changes(&snapshot.tree).await, "A 100644 new.txt", "{damage}");
        assert_eq!(left_out(&snapshot), [""; 0], "{damage}");
        assert!(scene.place.repo().join(".git/HEAD").is_file(), "{damage}");
        scene.workspace.remove().await.unwrap();
        assert!(!spot(&scene.place).exists(), "{damage}");
        assert!(scene.place.repo().join(".git/HEAD").is_file(), "{damage}");
    }
}

/// A filter would run a program of the person's config, or hide the content.
#[tokio::test]
async fn attributes_that_were_written_there_run_nothing_and_change_nothing() {
    let place = Place::with(&[("a.txt", "a\n")]).await;
    let ran = place.repo().with_file_name("ran");
    for key in ["clean", "smudge", "process"] {
        place.git(&format!("config filter.own.{key} touch\u{20}{}", ran.display())).await;
    }
    place.git("config core.autocrlf true").await;
    let scene = Scene::of(place).await;
    scene
        .sh("printf '* filter=own text eol=lf ident working-tree-encoding=UTF-16\\n' > .gitattributes
             printf 'a\\r\\n$Id: x $\\n' > new.txt; printf 'b\\r\\n' > a.txt")
        .await;
    let snapshot = scene.snapshot().await;
    let text = scene.place.git(&format!("cat-file -p {}:new.txt", snapshot.tree)).await;
    assert_eq!(text, "a\r\n$Id: x $");
    assert_eq!(scene.changes(&snapshot.tree).await.lines().count(), 3);
    assert!(!ran.exists());
}

#[tokio::test]
async fn what_is_no_plain_file_or_lies_elsewhere_is_named_and_not_read() {
    let place = Place::with(&[("a.txt", "a\n"), ("b.txt", "b\n"), ("dir/c.txt", "c\n")]).await;
    let commit = place.git("rev-parse HEAD").await;
    place.git(&format!("update-index --add --cacheinfo 160000,{commit},module")).await;
    place.git(&format!("update-index --add --cacheinfo 160000,{commit},other")).await;
    place.git("commit -q -m modules").await;
    let outside = place.repo().with_file_name("outside");
    crate::put(&outside, "secret.txt", "secret\n");
    let scene = Scene::of(place).await;
    scene
        .sh("rm a.txt; mkfifo a.txt pipe; rm -r dir; ln -s ../../../../outside dir
             ln ../../../../outside/secret.txt second; ln -f b.txt ../b-elsewhere
             mkdir nested; cd nested; git init -q .; echo x > x.txt; git add -A
             git -c user.name=a -c user.email=b commit -qm x; cd ..
             mkdir -p worktree; echo gitdir: /nowhere > worktree/.git; echo y > worktree/y.txt
             echo z > module/z.txt; rmdir other; echo file > other
             ln -s x .gitmodules; mkdir .GIT; echo x > .GIT/config; echo x > 'a\\b'
             printf x > \"$(printf 'caf\\351')\"; mkdir 'dot.'; echo x > 'dot./x'")
        .await;
    let snapshot = scene.snapshot().await;
    insta::assert_snapshot!(left_out(&snapshot).join("\n"), @r"
    .GIT: has a name that no change may have
    .gitmodules: has a name that no change may have
    a.txt: no plain file
    a\b: has a name that no change may have
    caf�: has a name that no change may have
    dot.: has a name that no change may have
    module: lies where a submodule is
    nested/.git: a git directory
    other: lies where a submodule is
    pipe: no plain file
    second: has a second name elsewhere
    worktree/.git: a git directory
    ");
    insta::assert_snapshot!(scene.changes(&snapshot.tree).await, @r"
    A 120000 dir
    D 000000 dir/c.txt
    A 100644 nested/x.txt
    A 100644 worktree/y.txt
    ");
    let trees = scene.place.git(&format!("rev-list --objects {}", snapshot.tree)).await;
    let secret = scene.place.git(&format!("hash-object {}/secret.txt", outside.display())).await;
    assert!(!trees.contains(&secret));
    scene.place.git("fsck --strict").await;
    scene.workspace.remove().await.unwrap();
    assert!(outside.join("secret.txt").is_file());
}

/// Sockets and pipes must not be waited for, and depth must not be followed
/// for ever.
#[tokio::test]
async fn depth_is_bounded_and_removed_whole() {
    let scene = Scene::with(&[("a.txt", "a\n")]).await;
    scene
        .sh("i=0; while [ $i -lt 1500 ]; do mkdir d; cd d; i=$((i+1)); done; echo x > bottom
             echo x > ../above")
        .await;
    scene.sh("echo x > d/d/near").await;
    let snapshot = scene.snapshot().await;
    assert_eq!(scene.changes(&snapshot.tree).await, "A 100644 d/d/near");
    assert_eq!(snapshot.left_out.len(), 1);
    assert_eq!(snapshot.left_out[0].why, WhyLeftOut::TooDeep);
    scene.workspace.remove().await.unwrap();
    assert!(!spot(&scene.place).exists());
}

/// Run by another user than root this shows more.
#[tokio::test]
async fn what_was_made_unreadable_is_read_and_removed() {
    let scene = Scene::with(&[("a.txt", "a\n"), ("dir/b.txt", "b\n")]).await;
    scene
        .sh("echo x > new.txt; echo y > dir/b.txt; mkdir closed; echo z > closed/z
             chmod 000 new.txt dir/b.txt closed/z closed dir; chmod 000 .")
        .await;
    let snapshot = scene.snapshot().await;
    assert_eq!(left_out(&snapshot), [""; 0]);
    let changes = scene.changes(&snapshot.tree).await;
    assert_eq!(changes, "A 100644 closed/z\nM 100644 dir/b.txt\nA 100644 new.txt");
    sh(scene.workspace.path(), "chmod 000 dir closed; chmod 500 .").await;
    scene.workspace.remove().await.unwrap();
    assert_eq!(std::fs::read_dir(folder(&scene.place)).unwrap().count(), 0);
}

#[tokio::test]
async fn a_workspace_whose_folder_was_replaced_is_no_work() {
    for damage in [
        "rm -rf \"$PWD\"",
        "d=$PWD; rm -rf \"$d\"; ln -s / \"$d\"",
        "d=$PWD; rm -rf \"$d\"; echo > \"$d\"",
    ] {
        let scene = Scene::with(&[("a.txt", "a\n")]).await;
        scene.sh(damage).await;
        let snapshot = scene.workspace.snapshot(&limits()).await;
        assert!(matches!(snapshot, Err(Error::NotOurs { .. })), "{damage}: {snapshot:?}");
        scene.workspace.remove().await.unwrap();
        assert!(spot(&scene.place).symlink_metadata().is_err(), "{damage}");
    }
}
