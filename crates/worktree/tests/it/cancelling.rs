//! A shutdown is not held up by git, nor by what git runs or waits for.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use worktree::{CommitIntent, Error, Repository};

use crate::{Place, ada, git_with, guard, head, write};

/// Much less than what would be waited for otherwise, much more than it takes.
const SOON: Duration = Duration::from_secs(8);

pub(crate) async fn appears(path: &Path) {
    while !path.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_filter_that_takes_its_time_is_ended_with_the_checkout() {
    let place = Place::with(&[("a.txt", "a"), (".gitattributes", "*.txt filter=slow\n")]).await;
    let started = place.dir.path().join("started");
    let smudge = format!("touch {}; sleep 600; cat", started.display());
    std::fs::write(place.repo().join(".git/filter"), smudge).unwrap();
    let filter = format!("sh {}", place.repo().join(".git/filter").display());
    let config = std::fs::read_to_string(place.repo().join(".git/config")).unwrap();
    let config = format!("{config}[filter \"slow\"]\n\tsmudge = {filter}\n");
    std::fs::write(place.repo().join(".git/config"), config).unwrap();

    let shutdown = CancellationToken::new();
    let repository = place.open().await.with_cancel(shutdown.clone());
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    let waiting = async {
        appears(&started).await;
        shutdown.cancel();
    };
    let both = async { tokio::join!(worktree.materialize(&tree), waiting) };
    let (filled, ()) = timeout(SOON, both).await.unwrap();
    assert!(matches!(filled, Err(Error::Cancelled)), "{filled:?}");
    let read = repository.files(&tree).await;
    assert!(matches!(read, Err(Error::Cancelled)), "{read:?}");
}

#[tokio::test]
async fn a_lock_is_not_waited_for_in_a_shutdown() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let shutdown = CancellationToken::new();
    let log = place.dir.path().join("log");
    let git = git_with(&place, &format!("*update-ref*) echo x >> {}", log.display())).await;
    let unhurried = Repository::discover(&place.repo(), git).await.unwrap();
    let repository = unhurried.with_cancel(shutdown.clone());
    let (first, tree) = head(&repository).await;
    let tree = repository.write_tree(&tree, &[write("b", "b")], &guard()).await.unwrap();
    let intent = CommitIntent {
        tree,
        parent: first.clone(),
        message: "m".to_owned(),
        author: ada(),
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        sign: false,
    };
    let second = repository.commit(&intent).await.unwrap();
    repository.move_branch("belay/1", &first, None).await.unwrap();
    let lock = place.repo().join(".git/refs/heads/belay/1.lock");
    let file = std::fs::File::create(&lock).unwrap();
    // Never too old to be somebody's.
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 32)).unwrap();
    std::fs::remove_file(&log).unwrap();
    // That call is let finish; what would come after it is the wait.
    let cancelling = async {
        appears(&log).await;
        shutdown.cancel();
    };
    let both = async {
        tokio::join!(repository.move_branch("belay/1", &second, Some(&first)), cancelling)
    };
    let (moved, ()) = timeout(SOON, both).await.unwrap();
    assert!(matches!(moved, Err(Error::Cancelled)), "{moved:?}");
    std::fs::remove_file(&lock).unwrap();

    // Another handle has a life of its own.
    unhurried.move_branch("belay/1", &second, Some(&first)).await.unwrap();
    assert_eq!(unhurried.branch_tip("belay/1").await.unwrap(), Some(second.clone()));
    // What is over in a moment is let finish.
    assert_eq!(repository.commit(&intent).await.unwrap(), second);
}

#[tokio::test]
async fn a_call_does_not_queue_behind_another_in_a_shutdown() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let cancelled = repository.with_cancel(shutdown);
    for result in [
        cancelled.tree_of(&commit).await.map(drop),
        cancelled.files(&tree).await.map(drop),
        cancelled.worktree(&place.reserved(), &commit).await.map(drop),
    ] {
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    }
    assert!(!place.reserved().exists());
}
