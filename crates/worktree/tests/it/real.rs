//! Repositories as people have them: shallow, with modules, with large-file
//! storage that is not installed, sparse, of another hash, in odd places. A run
//! goes through in each of them and leaves the checkout as it was.

use worktree::{CommitIntent, Repository};

use crate::{Place, ada, git, git_in, guard, head, put, write};

/// Writes, fills a worktree, commits, moves the branch; the checkout stays.
async fn whole_run(place: &Place, top: &std::path::Path) {
    let repository = Repository::discover(top, git()).await.unwrap();
    let status = git_in(top, "--no-optional-locks status --porcelain=v2").await;
    let (parent, base) = head(&repository).await;
    repository.move_branch("belay/1", &parent, None).await.unwrap();
    let worktree = repository.worktree(&place.reserved(), &parent).await.unwrap();
    worktree.materialize(&base).await.unwrap();
    assert_eq!(git_in(worktree.path(), "status --porcelain").await, "");
    let writes = [write("docs/made.md", "made\n"), write("a.txt", "changed\n")];
    let tree = repository.write_tree(&base, &writes, &guard()).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    let made = std::fs::read_to_string(worktree.path().join("docs/made.md")).unwrap();
    assert_eq!(made, "made\n");
    let diff = repository.diff(&base, &tree, 10_000).await.unwrap();
    assert!(diff.contains("+changed\n"), "{diff}");
    let intent = CommitIntent {
        tree,
        parent: parent.clone(),
        message: "m".to_owned(),
        author: ada(),
        at: jiff::Timestamp::UNIX_EPOCH,
        sign: false,
    };
    let commit = repository.commit(&intent).await.unwrap();
    assert!(repository.is_of(&commit, &intent).await.unwrap());
    repository.move_branch("belay/1", &commit, Some(&parent)).await.unwrap();
    assert_eq!(repository.commits(&parent, &commit).await.unwrap(), std::slice::from_ref(&commit));
    assert_eq!(git_in(worktree.path(), "show belay/1:a.txt").await, "changed");
    worktree.remove().await.unwrap();
    assert_eq!(git_in(top, "--no-optional-locks status --porcelain=v2").await, status);
    git_in(top, "fsck --no-dangling --connectivity-only").await;
}

#[tokio::test]
async fn a_shallow_clone() {
    let place = Place::with(&[("a.txt", "a\n")]).await;
    place.git("commit -q --allow-empty -m second").await;
    let dir = place.repo().parent().unwrap().to_owned();
    let from = format!("file://{}", place.repo().display());
    git_in(&dir, &format!("clone -q --depth 1 {from} shallow")).await;
    let top = dir.join("shallow");
    assert_eq!(git_in(&top, "rev-list --count HEAD").await, "1");
    whole_run(&place, &top).await;
}

#[tokio::test]
async fn a_repository_with_a_submodule() {
    let other = Place::with(&[("lib.txt", "lib")]).await;
    let place = Place::with(&[("a.txt", "a\n")]).await;
    let add = format!(
        "-c protocol.file.allow=always submodule --quiet add {} module",
        other.repo().display()
    );
    place.git(&add).await;
    place.git("commit -q -m module").await;
    whole_run(&place, &place.repo()).await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    // An empty folder, as git itself leaves one.
    assert_eq!(std::fs::read_dir(worktree.path().join("module")).unwrap().count(), 0);
    put(worktree.path(), "module/built", "by a test");
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(std::fs::read_to_string(place.repo().join("module/lib.txt")).unwrap(), "lib");
}

#[tokio::test]
async fn pointers_of_large_files_where_their_program_is_missing() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let place = Place::with(&[("a.txt", "a\n"), ("big.bin", pointer)]).await;
    place.put(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    place.git("add .gitattributes").await;
    place.git("commit -q -m lfs").await;
    for (key, value) in [
        ("smudge", "no-such-program-smudge"),
        ("clean", "no-such-program-clean"),
        ("process", "no-such-program-process"),
        ("required", "true"),
    ] {
        place.git(&format!("config filter.lfs.{key} {value}")).await;
    }
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    let found = std::fs::read_to_string(worktree.path().join("big.bin")).unwrap();
    assert_eq!(found, pointer);
    let writes = [write("a.txt", "changed\n")];
    let tree = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    worktree.remove().await.unwrap();
}

#[tokio::test]
async fn a_sparse_checkout_with_config_of_its_own() {
    let place = Place::with(&[("a.txt", "a\n"), ("in/b.txt", "b"), ("out/c.txt", "c")]).await;
    place.git("config extensions.worktreeConfig true").await;
    place.git("sparse-checkout set in").await;
    assert!(!place.repo().join("out").exists());
    let config = std::fs::read_to_string(place.repo().join(".git/config.worktree")).unwrap();
    whole_run(&place, &place.repo()).await;
    assert!(!place.repo().join("out").exists());
    let after = std::fs::read_to_string(place.repo().join(".git/config.worktree")).unwrap();
    assert_eq!(after, config);
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    assert!(worktree.path().join("out/c.txt").exists(), "the worktree holds the whole tree");
}

#[tokio::test]
async fn objects_named_by_sha256_and_refs_in_tables() {
    for init in ["--object-format=sha256", "--object-format=sha256 --ref-format=reftable"] {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.repo()).unwrap();
        place.git(&format!("init -q -b main {init}")).await;
        place.git("config user.name Ada").await;
        place.git("config user.email ada@example.org").await;
        place.put("a.txt", "a\n");
        place.git("add -A").await;
        place.git("commit -q -m first").await;
        assert_eq!(head(&place.open().await).await.0.as_str().len(), 64);
        whole_run(&place, &place.repo()).await;
    }
}

#[tokio::test]
async fn a_folder_with_a_name_that_tools_stumble_over() {
    let place = Place::with(&[("a.txt", "a\n")]).await;
    let odd = place.repo().parent().unwrap().join("Ünï cödé 'q' \"d\" $x -rf");
    std::fs::rename(place.repo(), &odd).unwrap();
    whole_run(&place, &odd).await;
}

#[tokio::test]
async fn files_that_no_check_in_would_have_made_are_no_changes() {
    // Committed with line ends that the attributes then declared wrong.
    let place = Place::with(&[("a.txt", "a\n"), ("old.txt", "one\r\ntwo\r\n")]).await;
    place.put(".gitattributes", "* text=auto\n");
    place.git("add .gitattributes").await;
    place.git("commit -q -m attributes").await;
    let repository = place.open().await;
    let (commit, tree) = head(&repository).await;
    let worktree = repository.worktree(&place.reserved(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    assert_eq!(git_in(worktree.path(), "status --porcelain").await, "");
    let content = std::fs::read(worktree.path().join("old.txt")).unwrap();
    assert_eq!(content, b"one\r\ntwo\r\n");
}
