//! The repository's hooks, run on a worktree's content. Whatever they do to
//! git, the person's side stays as it was.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use worktree::{CommandOutcome, CommitId, Repository, Worktree};

use crate::{Place, environment, guard, head, put, worktree_at_head, write};

const LONG: Duration = Duration::from_secs(60);

fn hook(folder: &Path, name: &str, script: &str) {
    put(folder, name, &format!("#!/bin/sh\n{script}\n"));
    let path = folder.join(name);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// A repository with one commit, and a worktree that holds a change to it.
struct Scene {
    place: Place,
    repository: Repository,
    worktree: Worktree,
    onto: CommitId,
}

impl Scene {
    async fn new(files: &[(&str, &str)]) -> Self {
        let place = Place::with(files).await;
        let repository = place.open().await;
        let (onto, tree) = head(&repository).await;
        let worktree = worktree_at_head(&place, &repository).await;
        let writes = [write("a.txt", "changed\n"), write("new.txt", "new\n")];
        let tree = repository.write_tree(&tree, &writes, &guard()).await.unwrap();
        worktree.materialize(&tree).await.unwrap();
        Self { place, repository, worktree, onto }
    }

    fn hooks(&self) -> std::path::PathBuf {
        self.repository.git_dir().join("hooks")
    }

    async fn pre_commit(&self) -> Option<CommandOutcome> {
        let cancel = CancellationToken::new();
        self.worktree.pre_commit(&self.onto, &environment(), LONG, &cancel).await.unwrap()
    }

    async fn commit_msg(&self, message: &str) -> Option<(CommandOutcome, String)> {
        let cancel = CancellationToken::new();
        self.worktree.commit_msg(message, &environment(), LONG, &cancel).await.unwrap()
    }

    /// Branches, tags, stash and HEAD; index and checkout; settings.
    async fn persons(&self) -> String {
        let mut all = String::new();
        for args in [
            "for-each-ref",
            "rev-parse HEAD",
            "--no-optional-locks status --porcelain=v2",
            "ls-files --stage",
            "config --local --list",
            "worktree list",
        ] {
            all.push_str(&self.place.git(args).await);
            all.push('\n');
        }
        all
    }
}

#[tokio::test]
async fn without_a_hook_that_may_be_executed_there_is_no_outcome() {
    let scene = Scene::new(&[("a.txt", "a\n")]).await;
    assert_eq!(scene.pre_commit().await, None);
    assert_eq!(scene.commit_msg("m").await, None);
    put(&scene.hooks(), "pre-commit", "exit 1\n");
    std::fs::create_dir_all(scene.hooks().join("commit-msg")).unwrap();
    assert_eq!(scene.pre_commit().await, None);
    assert_eq!(scene.commit_msg("m").await, None);
}

#[tokio::test]
async fn a_hook_sees_the_change_as_staged_on_its_parent() {
    let scene = Scene::new(&[("a.txt", "a\n"), ("b.txt", "b\n")]).await;
    hook(
        &scene.hooks(),
        "pre-commit",
        "pwd; git rev-parse HEAD; git diff --cached --name-status; git status --porcelain; \
         git show :new.txt; echo \"editor $GIT_EDITOR\"; git rev-parse --show-toplevel",
    );
    let outcome = scene.pre_commit().await.unwrap();
    let top = scene.worktree.path().display();
    let expected = format!(
        "{top}\n{}\nM\ta.txt\nA\tnew.txt\nM  a.txt\nA  new.txt\nnew\neditor :\n{top}\n",
        scene.onto
    );
    assert_eq!((outcome.passed, outcome.output), (true, expected));
}

/// Trap 41.
#[tokio::test]
async fn a_hook_that_refuses_or_hangs_is_an_outcome() {
    let scene = Scene::new(&[("a.txt", "a\n")]).await;
    hook(&scene.hooks(), "pre-commit", "echo 'not like this' >&2; exit 1");
    let outcome = scene.pre_commit().await.unwrap();
    assert_eq!((outcome.passed, outcome.exit), (false, Some(1)));
    assert_eq!(outcome.output, "not like this\n");
    assert!(outcome.command.ends_with("hooks/pre-commit"), "{}", outcome.command);

    hook(&scene.hooks(), "pre-commit", "exec sleep 600");
    let cancel = CancellationToken::new();
    let short = Duration::from_millis(300);
    let outcome = scene.worktree.pre_commit(&scene.onto, &environment(), short, &cancel).await;
    assert_eq!(outcome.unwrap().unwrap().ended, "timed_out");
}

#[tokio::test]
async fn nothing_of_the_persons_changes_whatever_a_hook_does_with_git() {
    let scene = Scene::new(&[("a.txt", "a\n"), ("b.txt", "b\n")]).await;
    scene.place.git("branch other").await;
    scene.place.put("b.txt", "staged\n");
    scene.place.git("add b.txt").await;
    scene.place.put("b.txt", "edited\n");
    let before = scene.persons().await;
    hook(
        &scene.hooks(),
        "pre-commit",
        "set -ex
         echo formatted > a.txt
         git add -A
         git commit -q -m sneaked
         git branch -f main HEAD
         git branch -D other
         git tag sneaked
         echo more > b.txt
         git stash -q
         git update-ref refs/heads/main HEAD
         git config user.name Mallory
         git gc -q
         git checkout -q -b elsewhere",
    );
    let outcome = scene.pre_commit().await.unwrap();
    assert!(outcome.passed, "{}", outcome.output);
    assert_eq!(scene.persons().await, before);
    let left = scene.worktree.contents(&["a.txt".to_owned()], 100).await.unwrap();
    assert_eq!(left["a.txt"].as_deref(), Some(&b"formatted\n"[..]));

    // And what follows finds the worktree whole.
    let (_, tree) = head(&scene.repository).await;
    scene.worktree.materialize(&tree).await.unwrap();
    assert_eq!(std::fs::read(scene.worktree.path().join("b.txt")).unwrap(), b"b\n");
    scene.place.git("fsck --connectivity-only").await;
}

#[tokio::test]
async fn the_configured_folder_of_hooks_counts_from_the_worktrees_top() {
    let scene = Scene::new(&[("a.txt", "a\n")]).await;
    hook(&scene.hooks(), "pre-commit", "echo default");
    hook(&scene.worktree.path().join("own/hooks"), "pre-commit", "echo own");
    scene.place.git("config core.hooksPath own/hooks").await;
    let outcome = scene.pre_commit().await.unwrap();
    assert_eq!(
        (outcome.output.as_str(), outcome.command.as_str()),
        ("own\n", "own/hooks/pre-commit")
    );
    let elsewhere = scene.place.dir.path().join("elsewhere");
    hook(&elsewhere, "pre-commit", "echo elsewhere");
    scene.place.git(&format!("config core.hooksPath {}", elsewhere.display())).await;
    assert_eq!(scene.pre_commit().await.unwrap().output, "elsewhere\n");
    scene.place.git("config core.hooksPath /dev/null").await;
    assert_eq!(scene.pre_commit().await, None);
}

#[tokio::test]
async fn huskys_hooks_run_also_where_husky_was_not_installed() {
    let scene = Scene::new(&[
        ("a.txt", "a\n"),
        (".husky/pre-commit", "lint-staged \"$0\"\n"),
        ("node_modules/.bin/lint-staged", "#!/bin/sh\necho linted\n"),
    ])
    .await;
    let tool = scene.worktree.path().join("node_modules/.bin/lint-staged");
    std::fs::set_permissions(tool, PermissionsExt::from_mode(0o755)).unwrap();
    scene.place.git("config core.hooksPath .husky/_").await;
    let outcome = scene.pre_commit().await.unwrap();
    assert_eq!((outcome.passed, outcome.output.as_str()), (true, "linted\n"));
    assert_eq!(scene.commit_msg("m").await, None);
    // Once it is installed, what it put there decides.
    std::fs::create_dir(scene.worktree.path().join(".husky/_")).unwrap();
    assert_eq!(scene.pre_commit().await, None);
}

#[tokio::test]
async fn a_hook_may_rewrite_or_refuse_the_message() {
    let scene = Scene::new(&[("a.txt", "a\n")]).await;
    hook(&scene.hooks(), "commit-msg", "echo \"Change-Id: $(git rev-parse HEAD)\" >> \"$1\"");
    let (outcome, message) = scene.commit_msg("Subject\n\nBody\n").await.unwrap();
    assert!(outcome.passed, "{}", outcome.output);
    assert_eq!(message, format!("Subject\n\nBody\nChange-Id: {}\n", scene.onto));

    hook(&scene.hooks(), "commit-msg", "grep -q '^feat: ' \"$1\" || { echo 'no type'; exit 1; }");
    let (outcome, message) = scene.commit_msg("Subject\n").await.unwrap();
    assert_eq!((outcome.passed, outcome.output.as_str()), (false, "no type\n"));
    assert_eq!(message, "Subject\n");
    assert!(scene.commit_msg("feat: x\n").await.unwrap().0.passed);
}

#[tokio::test]
async fn a_message_that_was_replaced_by_a_link_is_not_read() {
    let scene = Scene::new(&[("a.txt", "a\n")]).await;
    let secret = scene.place.dir.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    for script in [
        format!("ln -sf '{}' \"$1\"", secret.display()),
        "rm \"$1\"".to_owned(),
        "head -c 2000000 /dev/zero > \"$1\"".to_owned(),
        "printf '\\377' > \"$1\"".to_owned(),
    ] {
        hook(&scene.hooks(), "commit-msg", &script);
        let (outcome, message) = scene.commit_msg("Subject\n").await.unwrap();
        assert_eq!((outcome.passed, message.as_str()), (false, "Subject\n"), "{script}");
        assert!(outcome.output.contains("no message"), "{script}");
    }
}

#[tokio::test]
async fn a_hook_without_an_interpreter_line_and_one_behind_a_link_are_run() {
    let scene = Scene::new(&[("a.txt", "a\n")]).await;
    let aside = scene.place.dir.path().join("aside");
    put(&aside, "plain", "echo plain\n");
    std::fs::set_permissions(aside.join("plain"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(scene.hooks()).unwrap();
    symlink(aside.join("plain"), scene.hooks().join("pre-commit")).unwrap();
    assert_eq!(scene.pre_commit().await.unwrap().output, "plain\n");
}

#[tokio::test]
async fn hooks_work_in_a_shallow_clone_and_with_other_object_names() {
    let origin = Place::with(&[("a.txt", "a\n")]).await;
    origin.git("commit -q --allow-empty -m second").await;
    let url = format!("file://{}", origin.repo().display());
    for make in
        [format!("clone -q --depth 1 {url} repo"), "init -q --object-format=sha256 repo".to_owned()]
    {
        let place = Place::with(&[("a.txt", "a\n")]).await;
        std::fs::remove_dir_all(place.repo()).unwrap();
        crate::git_in(&place.dir.path().canonicalize().unwrap(), &make).await;
        place.git("config user.name Ada").await;
        place.git("config user.email ada@example.org").await;
        place.put("b.txt", "b\n");
        place.git("add -A").await;
        place.git("commit -q -m third").await;
        let repository = place.open().await;
        let worktree = worktree_at_head(&place, &repository).await;
        let (onto, _) = head(&repository).await;
        hook(
            &repository.git_dir().join("hooks"),
            "pre-commit",
            "git log --format=%s; git diff --cached --exit-code",
        );
        let cancel = CancellationToken::new();
        let outcome =
            worktree.pre_commit(&onto, &environment(), LONG, &cancel).await.unwrap().unwrap();
        assert!(outcome.passed, "{make}: {}", outcome.output);
        assert!(outcome.output.starts_with("third\n"), "{make}: {}", outcome.output);
    }
}
