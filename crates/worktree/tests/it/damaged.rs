//! Worktrees that commands of the project damaged: no damage makes a run
//! unfinishable, and none of the mending destroys what is not ours.

use std::path::{Path, PathBuf};

use subprocess::{Command, run};
use tokio_util::sync::CancellationToken;
use worktree::{Error, Repository, TreeId, Worktree};

use crate::{Place, env, git_in, guard, head, put, write};

/// What test commands were seen to do, and a stranger's folder to lead to.
const DAMAGES: [(&str, &str); 18] = [
    ("link removed", "rm -f .git"),
    ("repository inside", "rm -f .git; git init -q ."),
    ("link astray", "echo gitdir: /nonexistent > .git"),
    ("link to a link", "mv .git ../link; ln -s ../link .git"),
    ("a link in its place", "d=$PWD; cd /; rm -rf \"$d\"; ln -s \"$VICTIM\" \"$d\""),
    ("a file in its place", "d=$PWD; cd /; rm -rf \"$d\"; echo x > \"$d\""),
    ("gone", "rm -rf \"$PWD\""),
    ("gone with all others", "rm -rf \"$(dirname \"$PWD\")\""),
    ("unknown to git", "rm -rf \"$(git rev-parse --git-dir)\""),
    ("all unknown to git", "rm -rf \"$(git rev-parse --git-common-dir)/worktrees\""),
    ("index broken", "echo x > \"$(git rev-parse --git-dir)/index\""),
    ("HEAD broken", "echo x > \"$(git rev-parse --git-dir)/HEAD\""),
    ("without HEAD", "rm \"$(git rev-parse --git-dir)/HEAD\""),
    ("of another repository", "echo \"$VICTIM/.git\" > \"$(git rev-parse --git-dir)/commondir\""),
    // What the loss of power leaves of files that git does not sync.
    ("commondir empty", ": > \"$(git rev-parse --git-dir)/commondir\""),
    ("all empty", "d=$(git rev-parse --git-dir); cd \"$d\"; : > commondir; : > gitdir; : > HEAD"),
    ("locked", "git worktree lock .; rm -rf \"$PWD\""),
    (
        "too deep for git",
        // From the inside out, since no path may be named that is this long.
        "n=$(printf '%0200d' 0); mkdir $n; \
         for i in $(seq 25); do mkdir t; mv $n t; mv t $n; done",
    ),
];

struct Damaged {
    place: Place,
    victim: Place,
    repository: Repository,
    worktree: Worktree,
    tree: TreeId,
}

async fn damaged(damage: &str) -> Damaged {
    let place = Place::with(&[("a.txt", "a"), ("dir/b.txt", "b")]).await;
    let victim = Place::with(&[("precious.txt", "x")]).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    let command = Command::new("sh", worktree.path())
        .args(["-c", damage])
        .env(env())
        .env([("VICTIM", victim.repo().to_str().unwrap())]);
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert!(output.success(), "{}", output.stderr.text());
    Damaged { place, victim, repository, worktree, tree }
}

impl Damaged {
    async fn assert_holds_the_tree(&self, worktree: &Worktree, what: &str) {
        let path = worktree.path();
        assert!(path.symlink_metadata().unwrap().is_dir(), "{what}");
        assert_eq!(std::fs::read_to_string(path.join("dir/b.txt")).unwrap(), "b", "{what}");
        assert_eq!(git_in(path, "status --porcelain").await, "", "{what}");
        assert_eq!(
            git_in(path, "rev-parse HEAD").await,
            git_in(&self.place.repo(), "rev-parse HEAD").await
        );
        assert_eq!(self.place.git("status --porcelain").await, "", "{what}");
        assert_eq!(self.victim.git("status --porcelain").await, "", "{what}");
        let branches = self.victim.git("for-each-ref --format=%(refname)").await;
        assert_eq!(branches, "refs/heads/main", "{what}");
    }
}

/// Everything that stands beside a path with `.broken-` and a number.
fn moved_aside(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path.parent().unwrap()) else {
        return Vec::new();
    };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains(".broken-")).collect()
}

#[tokio::test]
async fn the_next_tree_is_put_into_whatever_a_command_left() {
    for (what, damage) in DAMAGES {
        let case = damaged(damage).await;
        let filled = case.worktree.materialize(&case.tree).await;
        assert!(filled.is_ok(), "{what}: {filled:?}");
        case.assert_holds_the_tree(&case.worktree, what).await;
        assert!(moved_aside(case.worktree.path()).is_empty(), "{what}");

        // Clones know of it too.
        let writes = [write("c.txt", "c")];
        let tree = case.repository.write_tree(&case.tree, &writes, &guard()).await.unwrap();
        case.worktree.clone().materialize(&tree).await.unwrap();
        assert!(case.worktree.path().join("c.txt").is_file(), "{what}");
        case.worktree.clone().remove().await.unwrap();
        assert_eq!(case.place.git("worktree list").await.lines().count(), 1, "{what}");
    }
}

#[tokio::test]
async fn the_next_process_takes_over_or_makes_again_whatever_a_command_left() {
    for (what, damage) in DAMAGES {
        let case = damaged(damage).await;
        let repository = case.place.open().await;
        let (commit, tree) = head(&repository).await;
        let worktree = repository.worktree(&case.place.reserved(), &commit).await;
        let worktree = worktree.unwrap_or_else(|error| panic!("{what}: {error}"));
        worktree.materialize(&tree).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        case.assert_holds_the_tree(&worktree, what).await;
        let path = worktree.path().to_owned();
        worktree.remove().await.unwrap();
        assert!(!path.exists() && moved_aside(&path).is_empty(), "{what}");
        assert_eq!(case.place.git("worktree list").await.lines().count(), 1, "{what}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_over_is_moved_aside_with_all_that_is_in_it() {
    let case = damaged("rm -f .git; git init -q .; echo x > precious.txt").await;
    put(case.place.reserved().parent().unwrap(), "01ARZ3NDEKTSV4RRFFQ69G5FAV.broken-1", "taken");
    let (commit, _) = head(&case.repository).await;
    case.repository.worktree(&case.place.reserved(), &commit).await.unwrap();
    let aside = case.place.reserved().with_extension("broken-2");
    assert_eq!(std::fs::read_to_string(aside.join("precious.txt")).unwrap(), "x\n");
    assert!(aside.join(".git").is_dir());
}

#[tokio::test]
async fn what_was_installed_in_a_worktree_is_not_believed_of_the_next_one() {
    let case = damaged("rm -rf \"$PWD\"").await;
    let mark = case.place.reserved().parent().unwrap().join("01ARZ3NDEKTSV4RRFFQ69G5FAV-setup");
    std::fs::write(&mark, "key").unwrap();
    case.worktree.materialize(&case.tree).await.unwrap();
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_tree_that_does_not_exist_costs_no_build_folders() {
    let case = damaged("mkdir target; echo '*' > target/.gitignore; echo x > target/built").await;
    let other = Place::with(&[("o.txt", "o")]).await;
    let (_, missing) = head(&other.open().await).await;
    let filled = case.worktree.materialize(&missing).await;
    assert!(matches!(filled, Err(Error::Git { .. })), "{filled:?}");
    assert!(case.worktree.path().join("target/built").is_file());
}

/// The person's worktrees on a disk that is not there at the moment are not
/// forgotten on the way.
#[tokio::test]
async fn worktrees_of_the_person_stay_registered() {
    let case = damaged("rm -rf \"$PWD\"").await;
    case.place.git("worktree add -q --detach ../theirs").await;
    let theirs = case.place.repo().parent().unwrap().join("theirs");
    std::fs::rename(&theirs, theirs.with_extension("away")).unwrap();
    case.worktree.materialize(&case.tree).await.unwrap();
    let list = case.place.git("worktree list").await;
    assert!(list.contains("theirs"), "{list}");
}

#[tokio::test]
async fn a_worktree_of_the_person_is_left_alone_even_there() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let path = place.reserved();
    place.git(&format!("worktree add -q -b theirs {}", path.display())).await;
    put(&path, "a.txt", "their edit");
    git_in(&path, "add a.txt").await;
    let repository = place.open().await;
    let (commit, _) = head(&repository).await;
    let made = repository.worktree(&path, &commit).await;
    assert!(matches!(made, Err(Error::NotOurs { .. })), "{made:?}");
    assert_eq!(git_in(&path, "status --porcelain").await, "M  a.txt");
}
