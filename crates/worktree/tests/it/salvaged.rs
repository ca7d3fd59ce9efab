//! Unfinished work is kept under a name until somebody says that it may go.

use worktree::{CommitIntent, Error};

use crate::{Place, ada, guard, head, write};

#[tokio::test]
async fn a_tree_is_kept_once_under_its_name_and_another_one_beside_it() {
    let place = Place::with(&[("a.txt", "a")]).await;
    place.git("config commit.gpgSign true").await;
    let repository = place.open().await;
    let (parent, tree) = head(&repository).await;
    let mut trees = Vec::new();
    for content in ["one", "two"] {
        let writes = [write("half.txt", content)];
        trees.push(repository.write_tree(&tree, &writes, &guard()).await.unwrap());
    }
    let intent = |number: usize| CommitIntent {
        tree: trees[number].clone(),
        parent: parent.clone(),
        message: "What was left".to_owned(),
        author: ada(),
        at: jiff::Timestamp::UNIX_EPOCH,
        sign: true,
    };
    let (name, first) = repository.salvage_tree("run/m1/i1", &intent(0)).await.unwrap();
    assert_eq!(name, "run/m1/i1");
    assert_eq!(place.git(&format!("show {first}:half.txt")).await, "one");
    // A later process, whose message may be another one.
    let later = CommitIntent { message: "Found again".to_owned(), ..intent(0) };
    let again = repository.salvage_tree("run/m1/i1", &later).await.unwrap();
    assert_eq!(again, ("run/m1/i1".to_owned(), first.clone()));
    let (name, second) = repository.salvage_tree("run/m1/i1", &intent(1)).await.unwrap();
    assert_eq!(name, "run/m1/i1-2");
    let again = repository.salvage_tree("run/m1/i1", &intent(1)).await.unwrap();
    assert_eq!(again, (name.clone(), second.clone()));
    repository.salvage_tree("other/m1", &intent(1)).await.unwrap();
    repository.salvage_tree("run", &intent(1)).await.unwrap_err();

    let kept = repository.salvaged("run").await.unwrap();
    assert_eq!(kept, [("run/m1/i1".to_owned(), first), (name, second)]);
    assert_eq!(repository.forget_salvaged("run").await.unwrap(), 2);
    assert_eq!(repository.forget_salvaged("run").await.unwrap(), 0);
    assert!(repository.salvaged("run").await.unwrap().is_empty());
    assert_eq!(repository.salvaged("other").await.unwrap().len(), 1);
    let refs = place.git("for-each-ref --format=%(refname)").await;
    assert_eq!(refs, "refs/belay/salvage/other/m1\nrefs/heads/main");
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (parent, tree) = head(&repository).await;
    let intent = CommitIntent {
        tree,
        parent,
        message: String::new(),
        author: ada(),
        at: jiff::Timestamp::UNIX_EPOCH,
        sign: false,
    };
    for name in ["../../heads/main", "", "a b", "a/"] {
        let kept = repository.salvage_tree(name, &intent).await;
        assert!(matches!(kept, Err(Error::BadKeptName { .. })), "{name}: {kept:?}");
        assert!(
            repository.salvaged(name).await.is_err()
                && repository.forget_salvaged(name).await.is_err()
        );
    }
    assert_eq!(place.git("for-each-ref --format=%(refname)").await, "refs/heads/main");
}
