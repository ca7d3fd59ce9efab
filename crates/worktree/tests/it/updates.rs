//! Merges and rebases without a checkout, held against what git itself does.

use worktree::{CommitId, Error, Repository};

use crate::{Place, git_in, put};

/// `main` and `work` part at the first commit; each has what `change` makes.
async fn parted(ours: &[(&str, &str)], theirs: &[(&str, &str)]) -> (Place, Repository) {
    let place = Place::with(&[("a.txt", "1\n2\n3\n4\n5\n"), ("b.txt", "b\n")]).await;
    place.git("branch work").await;
    commit(&place, "main", theirs, "theirs").await;
    commit(&place, "work", ours, "ours").await;
    place.git("checkout -q main").await;
    let repository = place.open().await;
    (place, repository)
}

async fn commit(place: &Place, branch: &str, files: &[(&str, &str)], subject: &str) {
    place.git(&format!("checkout -q {branch}")).await;
    for (path, content) in files {
        place.put(path, content);
    }
    place.git("add -A").await;
    place.git(&format!("commit -q --allow-empty -m {subject}")).await;
}

async fn id(repository: &Repository, rev: &str) -> CommitId {
    repository.resolve(rev).await.unwrap()
}

async fn file(place: &Place, rev: &str, path: &str) -> String {
    place.git(&format!("show {rev}:{path}")).await
}

#[tokio::test]
async fn what_does_not_touch_is_merged_as_git_merges_it() {
    let (place, repository) =
        parted(&[("a.txt", "one\n2\n3\n4\n5\n")], &[("a.txt", "1\n2\n3\n4\nfive\n")]).await;
    let before = place.git("for-each-ref").await;
    let (ours, theirs) = (id(&repository, "work").await, id(&repository, "main").await);
    let merged = repository.merge(&ours, &theirs).await.unwrap();
    assert!(merged.conflicts.is_empty());
    assert_eq!(file(&place, merged.tree.as_str(), "a.txt").await, "one\n2\n3\n4\nfive");
    assert_eq!(place.git("for-each-ref").await, before);
    place.git("merge -q --no-edit work").await;
    assert_eq!(place.git("rev-parse HEAD^{tree}").await, merged.tree.as_str());
}

#[tokio::test]
async fn a_conflict_is_named_and_marked_in_gits_plain_style() {
    let (place, repository) =
        parted(&[("a.txt", "ours\n")], &[("a.txt", "theirs\n"), ("c d.txt", "c\n")]).await;
    place.git("config merge.conflictStyle diff3").await;
    let (ours, theirs) = (id(&repository, "work").await, id(&repository, "main").await);
    let merged = repository.merge(&ours, &theirs).await.unwrap();
    assert_eq!(merged.conflicts, ["a.txt"]);
    let text = file(&place, merged.tree.as_str(), "a.txt").await;
    assert!(text.starts_with("<<<<<<<") && text.contains("ours\n=======\ntheirs"), "{text}");
}

#[tokio::test]
async fn commits_without_a_common_past_are_an_error() {
    let (place, repository) = parted(&[], &[]).await;
    let orphan = place.git("commit-tree -m alone HEAD^{tree}").await;
    let (ours, orphan) = (id(&repository, "work").await, id(&repository, &orphan).await);
    assert!(matches!(repository.merge(&ours, &orphan).await, Err(Error::Git { .. })));
}

#[tokio::test]
async fn a_rebase_keeps_authors_dates_and_messages_and_is_the_same_each_time() {
    let (place, repository) = parted(&[("ours.txt", "1\n")], &[("a.txt", "theirs\n")]).await;
    commit(&place, "work", &[("ours.txt", "2\n")], "more").await;
    place.git("checkout -q main").await;
    let base = id(&repository, "work~2").await;
    let (tip, onto) = (id(&repository, "work").await, id(&repository, "main").await);
    let replayed = repository.rebase(&base, &tip, &onto, false).await.unwrap().unwrap();
    assert_eq!(repository.rebase(&base, &tip, &onto, false).await.unwrap().unwrap(), replayed);
    assert_eq!(replayed.len(), 2);
    let last = replayed[1].to.to_string();
    let told = |rev: &str| format!("log --format=%s|%an|%ae|%ad|%cd -2 {rev}");
    assert_eq!(place.git(&told(&last)).await, place.git(&told("work")).await);
    assert_eq!(place.git(&format!("rev-parse {last}~2")).await, onto.as_str());
    assert_eq!(id(&repository, "work").await, tip, "nothing was moved");
    place.git("checkout -q work").await;
    place.git("rebase -q main").await;
    assert_eq!(
        place.git("rev-parse work^{tree}").await,
        place.git(&format!("rev-parse {last}^{{tree}}")).await
    );
}

#[tokio::test]
async fn a_change_that_is_there_already_leaves_no_commit() {
    let (_place, repository) =
        parted(&[("b.txt", "same\n")], &[("b.txt", "same\n"), ("c.txt", "c\n")]).await;
    let (tip, onto) = (id(&repository, "work").await, id(&repository, "main").await);
    let base = id(&repository, "work~1").await;
    let replayed = repository.rebase(&base, &tip, &onto, false).await.unwrap().unwrap();
    assert_eq!((replayed.len(), &replayed[0].to), (1, &onto));
}

#[tokio::test]
async fn what_conflicts_or_is_a_merge_is_not_replayed() {
    let (place, repository) = parted(&[("a.txt", "ours\n")], &[("a.txt", "theirs\n")]).await;
    let (tip, onto) = (id(&repository, "work").await, id(&repository, "main").await);
    let base = id(&repository, "work~1").await;
    assert_eq!(repository.rebase(&base, &tip, &onto, false).await.unwrap(), None);
    place.git("checkout -q work").await;
    place.git("merge -q -s ours --no-edit main").await;
    let merge = id(&repository, "work").await;
    assert_eq!(repository.rebase(&base, &merge, &onto, false).await.unwrap(), None);
}

#[tokio::test]
async fn a_branch_is_followed_to_its_remote_and_fetched_without_moving_a_ref() {
    let (place, repository) = parted(&[], &[]).await;
    let remote = place.dir.path().join("remote");
    let remote = remote.to_str().unwrap();
    place.git(&format!("clone -q --bare . {remote}")).await;
    place.git(&format!("remote add up/stream {remote}")).await;
    place.git("fetch -q up/stream").await;
    place.git("branch -q -u up/stream/main main").await;
    assert_eq!(repository.branch_behind("HEAD").await.unwrap().as_deref(), Some("refs/heads/main"));
    assert_eq!(
        repository.branch_behind("up/stream/main").await.unwrap().as_deref(),
        Some("refs/remotes/up/stream/main")
    );
    assert_eq!(repository.branch_behind("HEAD~1").await.unwrap(), None);
    let followed = Some(("up/stream".to_owned(), "refs/heads/main".to_owned()));
    assert_eq!(repository.followed("refs/heads/main").await.unwrap(), followed);
    assert_eq!(repository.followed("refs/remotes/up/stream/main").await.unwrap(), followed);
    assert_eq!(repository.followed("refs/heads/work").await.unwrap(), None);

    let other = place.dir.path().join("other");
    place.git(&format!("clone -q {remote} {}", other.display())).await;
    put(&other, "new.txt", "new\n");
    git_in(&other, "add -A").await;
    git_in(&other, "-c user.name=Eve -c user.email=e@example.org commit -q -m new").await;
    git_in(&other, "tag v9").await;
    git_in(&other, "push -q origin main v9").await;
    let before = place.git("for-each-ref").await;
    let fetched = repository.fetch("up/stream", "refs/heads/main").await.unwrap().unwrap();
    assert_eq!(fetched.as_str(), git_in(&other, "rev-parse HEAD").await);
    assert!(repository.builds_on(&fetched, &id(&repository, "main").await).await.unwrap());
    assert_eq!(place.git("for-each-ref").await, before);
    assert!(
        !place.repo().join(".git/FETCH_HEAD").exists()
            || place.git("rev-parse FETCH_HEAD").await != fetched.as_str()
    );
    assert_eq!(repository.fetch("up/stream", "refs/heads/none").await.unwrap(), None);
    std::fs::remove_dir_all(remote).unwrap();
    assert!(repository.fetch("up/stream", "refs/heads/main").await.is_err());
}
