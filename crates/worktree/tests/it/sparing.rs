//! Each question to git is a process, and a run asks at every step: what is
//! known already is not asked again, and what has to be asked is asked at once.
//! Counted, not timed.

use worktree::{CommitIntent, FileWrite, Repository};

use super::*;

/// A repository whose calls to git are written down.
struct Counted {
    place: Place,
    repository: Repository,
}

impl Counted {
    async fn with(files: &[(&str, &str)]) -> Self {
        let place = Place::with(files).await;
        let log = place.dir.path().join("calls");
        let says = format!("*) echo \"$*\" >> {}", log.display());
        let git = git_with(&place, &says).await;
        let repository = Repository::discover(&place.repo(), git).await.unwrap();
        Self { place, repository }
    }

    /// The subcommands since the last time.
    fn calls(&self) -> Vec<String> {
        let log = self.place.dir.path().join("calls");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        std::fs::write(&log, "").unwrap();
        let mut calls = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("--no-pager")) {
            let mut words = line.split(' ').skip(1);
            while let Some(word) = words.next() {
                if word != "-c" {
                    calls.push(word.to_owned());
                    break;
                }
                words.next();
            }
        }
        calls
    }

    fn intent(&self, tree: &TreeId, parent: &CommitId) -> CommitIntent {
        CommitIntent {
            tree: tree.clone(),
            parent: parent.clone(),
            message: "m".to_owned(),
            author: ada(),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            sign: false,
        }
    }
}

#[tokio::test]
async fn a_repository_is_found_with_one_call() {
    let counted = Counted::with(&[("a.txt", "a")]).await;
    assert_eq!(counted.calls(), ["rev-parse"]);
}

#[tokio::test]
async fn writes_are_checked_without_any_call_and_made_with_three() {
    let counted = Counted::with(&[("a.txt", "a"), ("src/b.txt", "b")]).await;
    let repository = &counted.repository;
    let (commit, tree) = head(repository).await;
    let changed = FileWrite { before: Some(b"b".to_vec()), ..write("src/b.txt", "b2") };
    let writes = [write("c.txt", "c"), changed, delete("a.txt")];
    repository.check_writes(&tree, &writes, &guard()).await.unwrap();
    counted.calls();
    repository.check_writes(&tree, &writes, &guard()).await.unwrap();
    assert!(counted.calls().is_empty());
    let new = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
    assert_eq!(counted.calls(), ["hash-object", "update-index", "write-tree"]);

    // What was written is known, and so is what the commit holds.
    let paths = ["c.txt", "src/b.txt"].map(str::to_owned);
    assert_eq!(repository.files(&new).await.unwrap().len(), 2);
    let read = repository.read(&new, &paths, 100).await.unwrap();
    assert_eq!(read["c.txt"], b"c");
    assert!(counted.calls().is_empty());
    let intent = counted.intent(&new, &commit);
    let second = repository.commit(&intent).await.unwrap();
    assert_eq!(repository.tree_of(&second).await.unwrap(), new);
    assert_eq!(counted.calls(), ["commit-tree"]);
    let moved = repository.move_file(&new, "c.txt", "d/c.txt").await.unwrap();
    assert_eq!(counted.calls(), ["update-index", "write-tree"]);

    // All of it is what another handle finds.
    let fresh = counted.place.open().await;
    for tree in [&new, &moved] {
        assert_eq!(fresh.files(tree).await.unwrap(), repository.files(tree).await.unwrap());
        let listed = counted.place.git(&format!("ls-tree -r -t --name-only {tree}")).await;
        let made =
            if tree == &new { "c.txt\nsrc\nsrc/b.txt" } else { "d\nd/c.txt\nsrc\nsrc/b.txt" };
        assert_eq!(listed, made);
    }
}

#[tokio::test]
async fn writes_are_refused_when_they_are_checked_as_when_they_are_made() {
    let counted = Counted::with(&[
        ("a.txt", "a"),
        (".gitattributes", "*.bin filter=lfs\n"),
        ("large.bin", "pointer"),
    ])
    .await;
    let repository = &counted.repository;
    let (_, tree) = head(repository).await;
    let guard = Guard::new(&["secret/**".to_owned()], 10).unwrap();
    let stale = FileWrite { before: Some(b"z".to_vec()), ..write("a.txt", "b") };
    for refused in [
        write("../x", "x"),
        write("secret/x", "x"),
        write("long", "more than ten bytes"),
        write("A.txt", "x"),
        delete("missing"),
        stale,
        write("large.bin", "x"),
        write(".lfsconfig", "x"),
        write("b/.gitattributes", "*.c diff=x"),
    ] {
        let writes = [refused];
        let checked = repository.check_writes(&tree, &writes, &guard).await.unwrap_err();
        let made = repository.write_tree(&tree, &writes, &guard).await.unwrap_err();
        assert_eq!(checked.to_string(), made.to_string());
        assert!(matches!(checked, worktree::Error::Refused { .. }), "{checked}");
    }
}

#[tokio::test]
async fn what_the_config_says_is_asked_again_when_it_is_another_one() {
    let counted = Counted::with(&[("a.txt", "a")]).await;
    let repository = &counted.repository;
    counted.calls();
    for _ in 0..2 {
        assert_eq!(repository.author().await.unwrap(), Some(ada()));
        assert!(!repository.signs().await.unwrap());
    }
    assert_eq!(counted.calls(), ["config", "config"]);
    counted.place.git("config commit.gpgSign true").await;
    assert!(repository.signs().await.unwrap());
    assert_eq!(counted.calls(), ["config"]);
}

#[tokio::test]
async fn attributes_are_asked_for_only_where_some_file_could_say_them() {
    let counted = Counted::with(&[("a.txt", "a"), (".gitattributes", "* text=auto\n")]).await;
    let repository = &counted.repository;
    let (_, tree) = head(repository).await;
    let writes = [write("b.txt", "b")];
    repository.check_writes(&tree, &writes, &guard()).await.unwrap();
    counted.calls();
    repository.check_writes(&tree, &writes, &guard()).await.unwrap();
    assert!(counted.calls().is_empty());
    // The person's own file counts from the moment it is there.
    let info = counted.place.repo().join(".git/info/attributes");
    for says in ["b.txt filter=x\n", "[attr]mine filter=x\nb.txt mine\n"] {
        std::fs::write(&info, says).unwrap();
        let refused = repository.check_writes(&tree, &writes, &guard()).await.unwrap_err();
        assert!(refused.to_string().contains("the filter x"), "{refused}");
    }
}

#[tokio::test]
async fn a_worktree_that_was_filled_ahead_is_not_filled_again_until_something_ran_in_it() {
    let counted = Counted::with(&[("a.txt", "a")]).await;
    let repository = &counted.repository;
    let worktree = worktree_at_head(&counted.place, repository).await;
    let (_, tree) = head(repository).await;
    counted.calls();
    worktree.ensure(&tree).await.unwrap();
    assert!(counted.calls().is_empty());
    let new = repository.write_tree(&tree, &[write("b.txt", "b")], &guard()).await.unwrap();
    counted.calls();
    worktree.ensure(&new).await.unwrap();
    let filling = [
        "ls-files",
        "read-tree",
        "diff-files",
        "checkout-index",
        "update-index",
        "ls-files",
        "write-tree",
    ];
    assert_eq!(counted.calls(), filling);
    let command = worktree::ProjectCommand {
        command: "echo changed > a.txt; touch c.txt".to_owned(),
        dir: String::new(),
        source: String::new(),
    };
    let limit = Duration::from_secs(60);
    let cancel = CancellationToken::new();
    let env = environment();
    let run = worktree::run_project_command(&worktree, &command, &env, limit, &cancel);
    assert!(run.await.unwrap().passed);
    worktree.ensure(&new).await.unwrap();
    assert_eq!(std::fs::read_to_string(worktree.path().join("a.txt")).unwrap(), "a");
    assert!(!worktree.path().join("c.txt").exists());
}
