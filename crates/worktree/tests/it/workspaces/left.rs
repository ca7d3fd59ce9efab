//! What a process that was killed left, at any moment.

use worktree::{Error, Repository};

use super::{Scene, folder, limits, sh, spot};
use crate::{Place, git, git_with, head, put};

#[tokio::test]
async fn what_a_killed_process_left_is_found_read_and_removed() {
    let scene = Scene::with(&[("a.txt", "a\n")]).await;
    let second = folder(&scene.place).join("1-2");
    scene.repository.workspace(&second, &scene.tree).await.unwrap();
    scene.sh("echo half > b.txt").await;
    let (place, tree) = (scene.place, scene.tree);
    let repository = place.open().await;
    let left = repository.left_workspaces(&folder(&place)).await.unwrap();
    let paths: Vec<_> = left.iter().map(|left| left.path().to_owned()).collect();
    assert_eq!(paths, [spot(&place), second]);
    let mut trees = Vec::new();
    for left in left {
        assert_eq!(left.tree(), &tree);
        trees.push(left.snapshot(&limits()).await.unwrap().tree);
        left.remove().await.unwrap();
    }
    assert_eq!(place.git(&format!("show {}:b.txt", trees[0])).await, "half");
    assert_eq!(trees[1], tree);
    assert!(repository.left_workspaces(&folder(&place)).await.unwrap().is_empty());
    let none = folder(&place).with_file_name("none");
    assert!(repository.left_workspaces(&none).await.unwrap().is_empty());
}

/// Every step of the making may be the last one.
#[tokio::test]
async fn a_half_made_one_is_no_work_and_is_made_anew() {
    for step in ["commit-tree", "read-tree", "checkout-index"] {
        let place = Place::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).await;
        let whole = place.open().await;
        let (_, tree) = head(&whole).await;
        let dying = git_with(&place, &format!("*\" {step} \"*) kill -9 $$")).await;
        let repository = Repository::discover(&place.repo(), dying).await.unwrap();
        for reserved in [true, false] {
            let path = if reserved { spot(&place) } else { place.aside().join("1") };
            let made = repository.workspace(&path, &tree).await;
            assert!(matches!(made, Err(Error::Git { .. })), "{step}: {made:?}");
            assert!(path.join(".git/HEAD").exists());
            let made = whole.workspace(&path, &tree).await.unwrap();
            assert_eq!(made.snapshot(&limits()).await.unwrap().tree, tree, "{step}");
            repository.workspace(&path, &tree).await.unwrap_err();
            let folder = path.parent().unwrap();
            assert!(whole.left_workspaces(folder).await.unwrap().is_empty(), "{step}");
            assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "{step}");
        }
    }
}

/// A removal that died has removed half of the files: no work of anybody's.
#[tokio::test]
async fn a_half_removed_one_is_no_work() {
    let scene = Scene::with(&[("a.txt", "a\n"), ("b.txt", "b\n")]).await;
    // As far as it came when the last of it could not be removed.
    let path = spot(&scene.place);
    let mark = std::path::PathBuf::from(format!("{}-workspace", path.display()));
    let whole = std::fs::read_to_string(&mark).unwrap();
    let git_dir = scene.place.repo().join(".git");
    assert_eq!(
        whole,
        format!("{{\"repository\":\"{}\",\"tree\":\"{}\"}}", git_dir.display(), scene.tree)
    );
    let half = whole.replace(&format!("\"{}\"", scene.tree), "null");
    std::fs::write(&mark, half).unwrap();
    std::fs::remove_file(path.join("a.txt")).unwrap();
    let left = scene.repository.left_workspaces(&folder(&scene.place)).await.unwrap();
    assert!(left.is_empty() && !path.exists() && !mark.exists());
}

#[tokio::test]
async fn a_mark_that_was_tampered_with_leads_nowhere() {
    let place = Place::with(&[("a.txt", "a\n")]).await;
    let precious = place.repo().parent().unwrap().join("precious");
    put(&precious, "kept", "x");
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    for damage in [
        "rm 1-1-workspace",
        "echo '{}' > 1-1-workspace",
        "echo x > 1-1-workspace",
        "rm 1-1-workspace; mkdir 1-1-workspace; echo x > 1-1-workspace/x",
        "rm 1-1-workspace; mkfifo 1-1-workspace",
        "rm 1-1-workspace; ln -s ../../../precious 1-1-workspace",
        "rm -r 1-1; ln -s ../../../precious 1-1",
        "rm -r 1-1; echo x > 1-1",
        "rm -r 1-1",
        "head -c 100000 /dev/zero > 1-1-workspace",
        "sed -i s/tree.:..../tree\\\":\\\"-x/ 1-1-workspace",
    ] {
        repository.workspace(&spot(&place), &tree).await.unwrap();
        sh(&folder(&place), damage).await;
        for left in repository.left_workspaces(&folder(&place)).await.unwrap() {
            left.snapshot(&limits()).await.unwrap_err();
        }
        let made = repository.workspace(&spot(&place), &tree).await.unwrap();
        assert_eq!(made.snapshot(&limits()).await.unwrap().tree, tree, "{damage}");
        assert!(precious.join("kept").is_file(), "{damage}");
    }
    repository.clear_workspaces(&folder(&place)).await.unwrap();
    repository.clear_workspaces(&folder(&place)).await.unwrap();
    assert!(!folder(&place).exists() && precious.join("kept").is_file());
}

#[tokio::test]
async fn a_cancelled_making_is_an_answer_and_is_made_up_for() {
    let place = Place::with(&[("a.txt", "a\n")]).await;
    let repository = place.open().await;
    let (_, tree) = head(&repository).await;
    let token = tokio_util::sync::CancellationToken::new();
    token.cancel();
    let cancelled = repository.with_cancel(token);
    let made = cancelled.workspace(&spot(&place), &tree).await;
    assert!(matches!(made, Err(Error::Cancelled)), "{made:?}");
    let again = Repository::discover(&place.repo(), git()).await.unwrap();
    again.workspace(&spot(&place), &tree).await.unwrap();
}
