//! What somebody made elsewhere: found by the name that is given, and told from
//! what was there.

use worktree::{CommitId, Repository};

use crate::{Place, git_in};

/// `main`, and `work` with a commit of Grace's on it.
async fn offered() -> (Place, Repository, CommitId) {
    let place = Place::with(&[("a.txt", "1\n"), ("b.txt", "b\n")]).await;
    place.git("checkout -q -b work").await;
    place.put("a.txt", "2\n");
    place.put("c d.txt", "c\n");
    place.git("add -A").await;
    place.git("rm -q b.txt").await;
    place.git("-c user.name=Grace<x> -c user.email=g@example.org commit -q -m theirs").await;
    place.git("checkout -q main").await;
    let repository = place.open().await;
    let commit = repository.resolve("work").await.unwrap();
    (place, repository, commit)
}

#[tokio::test]
async fn a_commit_is_found_by_its_id_or_enough_of_it_and_by_nothing_else() {
    let (place, repository, commit) = offered().await;
    let id = commit.as_str();
    place.git("branch abcdef12").await;
    for (name, found) in [
        (id, true),
        (&id[..7], true),
        (&id[..6], false),
        ("work", false),
        ("HEAD", false),
        ("--all", false),
        // A branch may look like an id.
        ("abcdef12", false),
        ("0123456789", false),
    ] {
        let known = repository.commit_named(name, None).await.unwrap();
        assert_eq!(known, found.then(|| commit.clone()), "{name}");
    }
}

#[tokio::test]
async fn a_whole_id_that_is_not_here_is_asked_of_the_remote() {
    let (place, _, commit) = offered().await;
    let clone = place.aside().join("clone");
    let from = place.repo().display().to_string();
    let args = format!("clone -q --branch main --single-branch file://{from} {}", clone.display());
    git_in(&place.repo(), &args).await;
    let repository = Repository::discover(&clone, crate::git()).await.unwrap();
    let refs = git_in(&clone, "for-each-ref").await;
    assert_eq!(repository.commit_named(commit.as_str(), None).await.unwrap(), None);
    let found = repository.commit_named(commit.as_str(), Some("origin")).await.unwrap();
    assert_eq!(found.as_ref(), Some(&commit));
    assert_eq!(git_in(&clone, "for-each-ref").await, refs, "nothing is moved");
    let strange = "1".repeat(40);
    assert_eq!(repository.commit_named(&strange, Some("origin")).await.unwrap(), None);
}

#[tokio::test]
async fn what_differs_and_who_wrote_it_is_told() {
    let (place, repository, commit) = offered().await;
    let base = repository.resolve("main").await.unwrap();
    let trees =
        (repository.tree_of(&base).await.unwrap(), repository.tree_of(&commit).await.unwrap());
    let changed = repository.changed_paths(&trees.0, &trees.1).await.unwrap();
    assert_eq!(changed, ["a.txt", "b.txt", "c d.txt"]);
    assert!(repository.changed_paths(&trees.0, &trees.0).await.unwrap().is_empty());
    let authors = repository.authors(&commit, &[base]).await.unwrap();
    let told: Vec<(&str, &str)> =
        authors.iter().map(|one| (one.name.as_str(), one.email.as_str())).collect();
    assert_eq!(told, [("Gracex", "g@example.org")]);
    assert!(repository.authors(&commit, std::slice::from_ref(&commit)).await.unwrap().is_empty());
    drop(place);
}
