//! Real git, real files, real commands, each test in folders of its own.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod attributes;
mod bytes;
mod cancelling;
mod commits;
mod confined;
mod contents;
mod damaged;
mod discovery;
mod hooks;
mod hostile;
mod linked;
mod locking;
mod login;
mod merging;
mod offered;
mod paths;
mod project;
mod real;
mod renames;
mod rerunning;
mod salvage;
mod salvaged;
mod signing;
mod sparing;
mod swapped;
mod trees;
mod untouched;
mod updates;
mod workspaces;

use std::path::{Path, PathBuf};
use std::time::Duration;

use subprocess::{Command, run};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use worktree::{
    CommitId, FileWrite, Git, Guard, Person, ProjectEnvironment, Repository, TreeId, Worktree,
};

/// A folder with a repository in `repo`, and room beside it.
struct Place {
    dir: TempDir,
}

impl Place {
    /// A repository with no commit yet.
    async fn empty() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.repo()).unwrap();
        place.git("init -q -b main").await;
        place.git("config user.name Ada").await;
        place.git("config user.email ada@example.org").await;
        place
    }

    /// A repository with these files committed.
    async fn with(files: &[(&str, &str)]) -> Self {
        let place = Self::empty().await;
        for (path, content) in files {
            place.put(path, content);
        }
        place.git("add -A").await;
        place.git("commit -q --allow-empty -m first").await;
        place
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("repo")
    }

    /// Where a linked worktree may go.
    fn aside(&self) -> PathBuf {
        let dir = self.dir.path().canonicalize().unwrap();
        dir.join("cache").join("work")
    }

    /// Where only we put anything.
    fn reserved(&self) -> PathBuf {
        let dir = self.dir.path().canonicalize().unwrap();
        dir.join("cache").join("worktrees").join("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    }

    /// Writes a file of the person's checkout.
    fn put(&self, path: &str, content: &str) {
        put(&self.repo(), path, content);
    }

    /// Runs git in the repository, arguments split at spaces.
    async fn git(&self, args: &str) -> String {
        git_in(&self.repo(), args).await
    }

    async fn open(&self) -> Repository {
        Repository::discover(&self.repo(), git()).await.unwrap()
    }
}

fn put(dir: &Path, path: &str, content: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn env() -> Vec<(String, String)> {
    // Where node, python and cargo are is the machine's affair; sh and git are
    // everywhere in these.
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("HOME", "/nonexistent"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn environment() -> ProjectEnvironment {
    ProjectEnvironment::unconfined(env())
}

fn git() -> Git {
    Git { program: "git".to_owned(), env: env(), timeout: Duration::from_secs(60) }
}

/// A git that goes the way of this branch of a shell's `case` first.
async fn git_with(place: &Place, branch: &str) -> Git {
    let program = place.dir.path().join("git").to_str().unwrap().to_owned();
    let script = format!("#!/bin/sh\ncase \"$*\" in\n{branch} ;;\nesac\nexec git \"$@\"\n");
    // Not by ourselves: what another test starts meanwhile would hold the file
    // open for writing, and nothing runs a file that somebody writes.
    let write = Command::new("sh", place.dir.path())
        .args(["-ec", "cat > \"$0\"; chmod 755 \"$0\"", &program])
        .env(env())
        .stdin(script);
    assert!(run(&write, &CancellationToken::new()).await.unwrap().success());
    Git { program, ..git() }
}

async fn git_in(dir: &Path, args: &str) -> String {
    let command = Command::new("git", dir).args(args.split(' ')).env(env()).env([
        ("GIT_AUTHOR_DATE", "@1700000000 +0000"),
        ("GIT_COMMITTER_DATE", "@1700000000 +0000"),
    ]);
    let output = run(&command, &CancellationToken::new()).await.unwrap();
    assert!(output.success(), "git {args}: {}", output.stderr.text());
    output.stdout.text().trim_end().to_owned()
}

fn guard() -> Guard {
    Guard::new(&[], 1 << 20).unwrap()
}

fn write(path: &str, content: &str) -> FileWrite {
    FileWrite {
        path: path.to_owned(),
        content: Some(content.as_bytes().to_vec()),
        ..FileWrite::default()
    }
}

fn delete(path: &str) -> FileWrite {
    FileWrite { path: path.to_owned(), ..FileWrite::default() }
}

fn ada() -> Person {
    Person { name: "Ada".to_owned(), email: "ada@example.org".to_owned() }
}

async fn head(repository: &Repository) -> (CommitId, TreeId) {
    let commit = repository.resolve("HEAD").await.unwrap();
    let tree = repository.tree_of(&commit).await.unwrap();
    (commit, tree)
}

async fn worktree_at_head(place: &Place, repository: &Repository) -> Worktree {
    let (commit, tree) = head(repository).await;
    let worktree = repository.worktree(&place.aside(), &commit).await.unwrap();
    worktree.materialize(&tree).await.unwrap();
    worktree
}
