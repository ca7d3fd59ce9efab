//! Work that somebody committed in a worktree of ours outlives the worktree.

use crate::{Place, git_in, head, put, worktree_at_head};

const KEPT: &str = "refs/belay/salvage/";

/// What is kept, each by the name of its commit.
async fn kept(place: &Place) -> Vec<String> {
    let list = place.git(&format!("for-each-ref --format=%(refname) {KEPT}")).await;
    list.lines().map(|name| name.strip_prefix(KEPT).unwrap().to_owned()).collect()
}

async fn commit_in(dir: &std::path::Path, message: &str) -> String {
    put(dir, "work.txt", message);
    git_in(dir, "add -A").await;
    git_in(dir, &format!("-c user.name=Ada -c user.email=a@b.c commit -q -m {message}")).await;
    git_in(dir, "rev-parse HEAD").await
}

/// Traps 30 and 46: neither a clean-up nor the next process deletes unmerged
/// work.
#[tokio::test]
async fn commits_made_in_it_outlive_removal_takeover_and_a_new_making() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    let first = commit_in(worktree.path(), "taken-over").await;
    drop(worktree);

    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    assert_eq!(kept(&place).await, std::slice::from_ref(&first));
    assert_eq!(place.git(&format!("show {first}:work.txt")).await, "taken-over");

    let second = commit_in(worktree.path(), "made-again").await;
    std::fs::remove_file(worktree.path().join(".git")).unwrap();
    std::fs::remove_file(
        place.repo().join(".git/worktrees").join(worktree_name()).join("commondir"),
    )
    .unwrap();
    worktree.materialize(&tree).await.unwrap();
    let mut all = vec![first.clone(), second];
    all.sort();
    assert_eq!(kept(&place).await, all);

    let third = commit_in(worktree.path(), "removed").await;
    worktree.remove().await.unwrap();
    all.push(third);
    all.sort();
    assert_eq!(kept(&place).await, all);
    place.git("fsck --strict").await;
}

fn worktree_name() -> &'static str {
    "01ARZ3NDEKTSV4RRFFQ69G5FAV"
}

#[tokio::test]
async fn what_a_ref_holds_already_is_not_kept_twice() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (commit, _) = head(&repository).await;
    for how in ["checkout -q -b theirs", "tag theirs-too"] {
        let worktree = worktree_at_head(&place, &repository).await;
        if how.starts_with("tag") {
            commit_in(worktree.path(), "tagged").await;
            git_in(worktree.path(), how).await;
        } else {
            git_in(worktree.path(), how).await;
            commit_in(worktree.path(), "on-a-branch").await;
        }
        worktree.remove().await.unwrap();
    }
    let worktree = worktree_at_head(&place, &repository).await;
    git_in(worktree.path(), "checkout -q --detach theirs").await;
    let worktree = {
        drop(worktree);
        repository.worktree(&place.aside(), &commit).await.unwrap()
    };
    worktree.remove().await.unwrap();
    assert!(kept(&place).await.is_empty());
}

#[tokio::test]
async fn a_head_that_leads_nowhere_keeps_nothing_and_stops_nothing() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    for damage in [
        "rm HEAD; mkfifo HEAD",
        "printf %040d 0 > HEAD",
        "echo ref: refs/worktree/x > HEAD",
        "echo ref: refs/heads/unborn > HEAD",
        "head -c 100000 /dev/zero > HEAD",
    ] {
        let (commit, tree) = head(&repository).await;
        let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
        let admin = place.repo().join(".git/worktrees").join(worktree_name());
        let command = subprocess::Command::new("sh", admin).args(["-c", damage]).env(crate::env());
        let cancel = tokio_util::sync::CancellationToken::new();
        assert!(subprocess::run(&command, &cancel).await.unwrap().success(), "{damage}");
        worktree.materialize(&tree).await.unwrap();
        worktree.remove().await.unwrap();
        assert!(kept(&place).await.is_empty(), "{damage}");
    }
}
