//! Commits and branches: made twice they are the same, moved twice they are
//! where they should be, and somebody else's move is noticed.

use worktree::{CommitIntent, Error};

use crate::{Place, ada, guard, head, write};

async fn intent(place: &Place) -> (worktree::Repository, CommitIntent) {
    let repository = place.open().await;
    let (parent, tree) = head(&repository).await;
    let writes = [write("b.txt", "b")];
    let tree = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    let intent = CommitIntent {
        tree,
        parent,
        message: "Milestone 1/2: Füll it\n\n# not a comment\n\nBelay-Run: x\n".to_owned(),
        author: ada(),
        at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        sign: false,
    };
    (repository, intent)
}

#[tokio::test]
async fn the_same_intent_gives_the_same_commit() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let first = repository.commit(&intent).await.unwrap();
    // Neither the config nor another handle makes a difference.
    place.git("config user.name Somebody").await;
    place.git("config commit.gpgSign true").await;
    place.git("config i18n.commitEncoding latin1").await;
    let json = serde_json::to_string(&intent).unwrap();
    let stored: CommitIntent = serde_json::from_str(&json).unwrap();
    let again = place.open().await.commit(&stored).await.unwrap();
    assert_eq!(first, again);
    insta::assert_snapshot!(place.git(&format!("cat-file commit {first}")).await, @r"
    tree 4e2fd0b481a785eb99cab80ec1c582e1caf6cb44
    parent e7b4f5db42286b42f5614e6a384f944f07b5874e
    author Ada <ada@example.org> 1767323045 +0000
    committer Ada <ada@example.org> 1767323045 +0000

    Milestone 1/2: Füll it

    # not a comment

    Belay-Run: x
    ");
    assert_eq!(repository.tree_of(&first).await.unwrap(), intent.tree);
}

#[tokio::test]
async fn hooks_do_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with(&[("a.txt", "a")]).await;
    let mark = place.repo().join("hook-ran");
    for hook in [
        "pre-commit",
        "commit-msg",
        "post-commit",
        "reference-transaction",
        "post-checkout",
        "post-index-change",
    ] {
        let path = place.repo().join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", mark.display())).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let (repository, intent) = intent(&place).await;
    let commit = repository.commit(&intent).await.unwrap();
    repository.move_branch("belay/x", &commit, None).await.unwrap();
    let worktree = repository.worktree(&place.aside(), &commit).await.unwrap();
    worktree.materialize(&intent.tree).await.unwrap();
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_branch_moves_only_from_where_it_is_known_to_stand() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let first = intent.parent.clone();
    let second = repository.commit(&intent).await.unwrap();
    let branch = "belay/001";
    assert_eq!(repository.branch_tip(branch).await.unwrap(), None);

    let moved = repository.move_branch(branch, &second, Some(&first)).await;
    assert!(matches!(moved, Err(Error::BranchMoved { found: None, .. })), "{moved:?}");
    repository.move_branch(branch, &first, None).await.unwrap();
    let exists = repository.move_branch(branch, &first, None).await;
    assert!(matches!(exists, Err(Error::BranchMoved { .. })), "{exists:?}");

    repository.move_branch(branch, &second, Some(&first)).await.unwrap();
    assert_eq!(repository.branch_tip(branch).await.unwrap().as_ref(), Some(&second));
    // A process that died before it noted the move down makes it again.
    repository.move_branch(branch, &second, Some(&first)).await.unwrap();

    place.git("commit -q --allow-empty -m elsewhere").await;
    place.git("branch -f belay/001 main").await;
    let elsewhere = repository.resolve("main").await.unwrap();
    let moved = repository.move_branch(branch, &first, Some(&second)).await;
    let Err(Error::BranchMoved { branch, found }) = moved else {
        panic!("{moved:?}");
    };
    assert_eq!((branch.as_str(), found.as_ref()), ("belay/001", Some(&elsewhere)));
}

#[tokio::test]
async fn a_lock_that_a_killed_git_left_on_the_branch_is_broken() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let first = intent.parent.clone();
    let second = repository.commit(&intent).await.unwrap();
    repository.move_branch("belay/1", &first, None).await.unwrap();
    let lock = place.repo().join(".git/refs/heads/belay/1.lock");
    let file = std::fs::File::create(&lock).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    repository.move_branch("belay/1", &second, Some(&first)).await.unwrap();
    assert_eq!(repository.branch_tip("belay/1").await.unwrap(), Some(second));
    assert!(!lock.exists());
}

#[tokio::test]
async fn a_branch_that_is_checked_out_somewhere_is_not_moved_under_it() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let first = intent.parent.clone();
    let second = repository.commit(&intent).await.unwrap();
    repository.move_branch("belay/1", &first, None).await.unwrap();
    let theirs = place.repo().parent().unwrap().join("their tree");
    let git_dir = place.repo().join(".git");

    place.git("checkout -q belay/1").await;
    let moved = repository.move_branch("belay/1", &second, Some(&first)).await.unwrap_err();
    assert!(
        matches!(&moved, Error::BranchCheckedOut { at, .. } if *at == place.repo()),
        "{moved:?}"
    );
    let shown = moved.to_string();
    assert!(shown.starts_with("branch belay/1 is checked out at /"), "{shown}");
    assert!(shown.ends_with("; check out another one there, so that it can be moved"), "{shown}");
    assert_eq!(repository.branch_tip("belay/1").await.unwrap().as_ref(), Some(&first));
    assert_eq!(place.git("status --porcelain").await, "");
    // Moved there already, by whomever, or elsewhere: that comes first.
    repository.move_branch("belay/1", &first, Some(&first)).await.unwrap();
    repository.move_branch("belay/1", &first, Some(&second)).await.unwrap();

    place.git("checkout -q main").await;
    std::fs::create_dir(&theirs).unwrap();
    crate::git_in(&theirs, &format!("--git-dir={} worktree add -q . belay/1", git_dir.display()))
        .await;
    let moved = repository.move_branch("belay/1", &second, Some(&first)).await;
    assert!(
        matches!(&moved, Err(Error::BranchCheckedOut { at, .. }) if *at == theirs),
        "{moved:?}"
    );
    crate::git_in(&theirs, "commit -q --allow-empty -m theirs").await;
    let moved = repository.move_branch("belay/1", &second, Some(&first)).await;
    assert!(matches!(moved, Err(Error::BranchMoved { .. })), "{moved:?}");
    crate::git_in(&theirs, &format!("reset -q --hard {first}")).await;

    // The folder is gone: nobody's checkout is left behind.
    std::fs::remove_dir_all(&theirs).unwrap();
    repository.move_branch("belay/1", &second, Some(&first)).await.unwrap();
}

#[tokio::test]
async fn a_command_that_checks_the_branch_out_in_our_worktree_does_not_hold_it() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let first = intent.parent.clone();
    let second = repository.commit(&intent).await.unwrap();
    repository.move_branch("belay/1", &first, None).await.unwrap();
    let worktree = crate::worktree_at_head(&place, &repository).await;
    crate::git_in(worktree.path(), "checkout -q belay/1").await;
    repository.move_branch("belay/1", &second, Some(&first)).await.unwrap();
}

#[tokio::test]
async fn a_commit_holds_no_control_characters_and_always_an_author() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let hostile = CommitIntent {
        message: "a\0b \u{1b}[31mred\r\n\n\t\u{202e}dab\u{200b}\u{feff}\n".to_owned(),
        author: worktree::Person {
            name: "A\0d\u{1b}a\n\u{2066}L".to_owned(),
            email: "ada\0@\u{200d}x.org\n".to_owned(),
        },
        ..intent.clone()
    };
    let commit = repository.commit(&hostile).await.unwrap();
    let text = place.git(&format!("cat-file commit {commit}")).await;
    let (_, text) = text.split_once("\nauthor ").unwrap();
    assert_eq!(
        text,
        "Ada L <ada@x.org> 1767323045 +0000\ncommitter Ada L <ada@x.org> 1767323045 +0000\n\n\
         ab [31mred\n\n\tdab"
    );
    for name in ["", "<>", " .,:;'\"", "\u{202e}\0"] {
        let author = worktree::Person { name: name.to_owned(), email: String::new() };
        let commit = repository.commit(&CommitIntent { author, ..intent.clone() }).await.unwrap();
        let author = place.git(&format!("log -1 --format=%an {commit}")).await;
        assert_eq!(author, "belay", "{name:?}");
    }
}

#[tokio::test]
async fn a_branch_in_the_way_of_a_folder_is_said_so() {
    let place = Place::with(&[("a.txt", "a")]).await;
    place.git("branch belay").await;
    let repository = place.open().await;
    let (commit, _) = head(&repository).await;
    let moved = repository.move_branch("belay/001", &commit, None).await;
    let Err(Error::Git { message, .. }) = moved else {
        panic!("{moved:?}");
    };
    assert!(message.contains("refs/heads/belay"), "{message}");
}

#[tokio::test]
async fn names_that_are_no_branches_are_refused() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let repository = place.open().await;
    let (commit, _) = head(&repository).await;
    for name in [
        "", "-d", "HEAD", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/",
        "a//b", "a.lock", ".a", "a/.b", "a.", "@{-1}", "a@{1}", "a\nb", "a\0b", "../x",
    ] {
        let tip = repository.branch_tip(name).await;
        assert!(matches!(tip, Err(Error::BadBranchName { .. })), "{name:?}: {tip:?}");
        let moved = repository.move_branch(name, &commit, None).await;
        assert!(matches!(moved, Err(Error::BadBranchName { .. })), "{name:?}");
    }
}

#[tokio::test]
async fn commits_between_two_are_listed_oldest_first() {
    let place = Place::with(&[("a.txt", "a")]).await;
    let (repository, intent) = intent(&place).await;
    let first = intent.parent.clone();
    let second = repository.commit(&intent).await.unwrap();
    let third = CommitIntent { parent: second.clone(), ..intent };
    let third = repository.commit(&third).await.unwrap();
    assert_eq!(repository.commits(&first, &third).await.unwrap(), [second, third.clone()]);
    assert_eq!(repository.commits(&third, &third).await.unwrap(), []);
}
