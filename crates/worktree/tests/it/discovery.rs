//! Which repository a folder belongs to, and which are refused.

use std::os::unix::fs::chown;

use worktree::{Error, Repository};

use crate::{Place, git, git_in, put};

#[tokio::test]
async fn the_top_is_found_from_anywhere_inside() {
    let place = Place::with(&[("src/deep/a.txt", "a")]).await;
    for from in ["", "src", "src/deep"] {
        let repository = Repository::discover(&place.repo().join(from), git()).await.unwrap();
        assert_eq!(repository.top(), place.repo());
        assert_eq!(repository.git_dir(), place.repo().join(".git"));
    }
}

#[tokio::test]
async fn a_linked_worktree_leads_to_the_main_one_but_keeps_its_own_head() {
    let place = Place::with(&[("a.txt", "a")]).await;
    place.git("worktree add -q -b side ../side").await;
    let side = place.repo().parent().unwrap().join("side");
    git_in(&side, "commit -q --allow-empty -m second").await;
    let repository = Repository::discover(&side, git()).await.unwrap();
    assert_eq!(repository.top(), place.repo());
    assert_eq!(repository.git_dir(), place.repo().join(".git"));
    assert_eq!(
        repository.resolve("HEAD").await.unwrap().as_str(),
        git_in(&side, "rev-parse HEAD").await
    );
    assert_eq!(repository.current_branch().await.unwrap().as_deref(), Some("side"));
}

#[tokio::test]
async fn a_worktree_of_a_bare_repository_is_its_own_top() {
    let place = Place::with(&[("a.txt", "a")]).await;
    place.git("clone -q --bare . ../bare.git").await;
    let bare = place.repo().parent().unwrap().join("bare.git");
    git_in(&bare, "worktree add -q ../tree main").await;
    let tree = bare.parent().unwrap().join("tree");
    let repository = Repository::discover(&tree, git()).await.unwrap();
    assert_eq!(repository.top(), tree);
    assert_eq!(repository.git_dir(), bare);
    let inside = Repository::discover(&bare, git()).await;
    assert!(matches!(inside, Err(Error::Bare { .. })), "{inside:?}");
}

#[tokio::test]
async fn a_submodule_is_a_repository_of_its_own() {
    let place = Place::with(&[("a.txt", "a")]).await;
    place.git("clone -q . ../other").await;
    place.git("-c protocol.file.allow=always submodule --quiet add ../other sub").await;
    let sub = place.repo().join("sub");
    let repository = Repository::discover(&sub, git()).await.unwrap();
    assert_eq!(repository.top(), sub);
    assert_eq!(repository.git_dir(), place.repo().join(".git/modules/sub"));
}

#[tokio::test]
async fn what_is_no_repository_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "broken/.git", "gitdir: /nowhere/at/all\n");
    for from in ["", "missing", "broken"] {
        let found = Repository::discover(&dir.path().join(from), git()).await;
        let Err(Error::NotARepository { reason, .. }) = found else {
            panic!("{from}: {found:?}");
        };
        assert!(!reason.is_empty());
    }
}

#[tokio::test]
async fn the_inside_of_a_git_directory_is_refused() {
    let place = Place::with(&[("a.txt", "a")]).await;
    for from in [".git", ".git/objects"] {
        let found = Repository::discover(&place.repo().join(from), git()).await;
        assert!(matches!(found, Err(Error::NotARepository { .. })), "{found:?}");
    }
}

#[tokio::test]
async fn a_repository_without_a_commit_is_told_apart() {
    let place = Place::empty().await;
    let found = Repository::discover(&place.repo(), git()).await;
    assert!(matches!(found, Err(Error::NoCommit { .. })), "{found:?}");
}

#[tokio::test]
async fn inherited_variables_do_not_lead_to_another_repository() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let other = Place::with(&[("b.txt", "b")]).await;
    let mut settings = git();
    let other_dir = other.repo().join(".git").display().to_string();
    for name in ["GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"] {
        settings.env.push((name.to_owned(), other_dir.clone()));
    }
    let index = other.repo().join("index").display().to_string();
    settings.env.push(("GIT_INDEX_FILE".to_owned(), index));
    let repository = Repository::discover(&place.repo(), settings).await.unwrap();
    assert_eq!(repository.top(), place.repo());
    assert!(!repository.is_dirty().await.unwrap());
}

#[tokio::test]
async fn another_users_repository_is_refused_in_gits_own_words() {
    let place = Place::with(&[("a.txt", "a")]).await;
    // Giving a folder away takes the rights of root.
    if chown(place.repo(), Some(65_534), None).is_err() {
        return;
    }
    let found = Repository::discover(&place.repo(), git()).await;
    let Err(Error::NotARepository { reason, .. }) = found else {
        panic!("{found:?}");
    };
    assert!(reason.contains("dubious ownership"), "{reason}");
}

#[tokio::test]
async fn changes_to_tracked_files_make_it_dirty_and_new_files_do_not() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    place.put("new.txt", "new");
    assert!(!repository.is_dirty().await.unwrap());
    place.put("a.txt", "changed");
    assert!(repository.is_dirty().await.unwrap());
    place.git("add a.txt").await;
    assert!(repository.is_dirty().await.unwrap());
}

#[tokio::test]
async fn names_that_mean_no_commit_are_unknown() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    for rev in ["nowhere", "", "--all", "-x", "a b", "HEAD:a.txt"] {
        let found = repository.resolve(rev).await;
        assert!(matches!(found, Err(Error::UnknownRevision { .. })), "{rev}: {found:?}");
    }
    let head = repository.resolve("HEAD").await.unwrap();
    assert_eq!(repository.resolve("main").await.unwrap(), head);
    assert_eq!(repository.resolve(head.as_str()).await.unwrap(), head);
    place.git("checkout -q --detach").await;
    assert_eq!(repository.current_branch().await.unwrap(), None);
}

#[tokio::test]
async fn a_missing_author_is_none() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    assert_eq!(repository.author().await.unwrap(), Some(crate::ada()));
    place.git("config --unset user.email").await;
    assert_eq!(repository.author().await.unwrap(), None);
    place.git("config user.email ada@example.org").await;
    place.git("config user.name <>").await;
    assert_eq!(repository.author().await.unwrap(), None);
}

#[tokio::test]
async fn what_git_says_in_several_lines_is_shown_in_one() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let says = "*ls-tree*) printf 'fatal: one\\n\\033[1mfatal: two\\n' >&2; exit 128";
    let git = crate::git_with(&place, says).await;
    let repository = Repository::discover(&place.repo(), git).await.unwrap();
    let (_, tree) = crate::head(&repository).await;
    let error = repository.files(&tree).await.unwrap_err();
    assert_eq!(error.to_string(), "git ls-tree: fatal: one; [1mfatal: two");
    let error = repository.resolve("a\nb").await.unwrap_err();
    assert_eq!(error.to_string(), "no such commit: a; b");
}

/// Git asks the program for large files about each file that was touched.
#[tokio::test]
async fn a_required_program_that_is_missing_does_not_hide_whether_it_is_dirty() {
    let place = Place::with(&[("big.bin", "pointer\n")]).await;
    place.put(".gitattributes", "*.bin filter=lfs\n");
    place.git("add .gitattributes").await;
    place.git("commit -q -m lfs").await;
    place.git("config filter.lfs.clean no-such-program").await;
    place.git("config filter.lfs.required true").await;
    std::fs::remove_file(place.repo().join("big.bin")).unwrap();
    place.put("big.bin", "pointer\n");
    let repository = place.open().await;
    assert!(!repository.is_dirty().await.unwrap());
    place.put("big.bin", "another\n");
    assert!(repository.is_dirty().await.unwrap());
}
