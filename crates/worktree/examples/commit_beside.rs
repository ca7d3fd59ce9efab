//! A commit beside a person's unfinished work: `cargo run -p worktree --example commit_beside`.
//!
//! It makes a repository in a temporary folder, leaves a change in it as a person would, and commits
//! to another branch. What it shows: the change is still there, a path that could run code is refused,
//! and a branch that moved in between is not overwritten.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::path::Path;
use std::time::Duration;

use subprocess::{Command, run};
use tokio_util::sync::CancellationToken;
use worktree::{CommitIntent, FileWrite, Git, Guard, Person, Repository};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let env = environment(folder.path());
    begin(folder.path(), &env).await?;

    let git = Git { program: "git".to_owned(), env, timeout: Duration::from_secs(10) };
    let repository = Repository::discover(folder.path(), git).await?;
    let guard = Guard::new(&[".github/**".to_owned()], 1024 * 1024)?;
    let base = repository.resolve("HEAD").await?;
    let onto = repository.tree_of(&base).await?;

    let tree = repository.write_tree(&onto, &[write("src/tides.py", "HIGH = 3\n")], &guard).await?;
    let intent = CommitIntent {
        tree,
        parent: base.clone(),
        message: "Show the tides".to_owned(),
        author: Person { name: "Tide".to_owned(), email: "tide@example.org".to_owned() },
        at: "2026-01-02T03:04:05Z".parse()?,
        sign: false,
    };
    let commit = repository.commit(&intent).await?;
    println!("committed {commit}");
    println!("once more it is the same one: {}", repository.commit(&intent).await? == commit);
    repository.move_branch("tides", &commit, None).await?;
    println!("the branch stands at it: {}", repository.branch_tip("tides").await? == Some(commit));

    let unfinished = std::fs::read_to_string(folder.path().join("README.md"))?;
    println!("the person's file still says {unfinished:?}");

    let hook = [write(".git/hooks/pre-commit", "#!/bin/sh\n")];
    if let Err(error) = repository.write_tree(&onto, &hook, &guard).await {
        println!("refused: {error}");
    }
    // Whoever believes that the branch is not there yet does not overwrite it.
    if let Err(error) = repository.move_branch("tides", &base, None).await {
        println!("refused: {error}");
    }
    Ok(())
}

fn write(path: &str, content: &str) -> FileWrite {
    let content = Some(content.as_bytes().to_vec());
    FileWrite { path: path.to_owned(), content, ..FileWrite::default() }
}

/// Nothing of the machine's own git settings.
fn environment(home: &Path) -> Vec<(String, String)> {
    let path = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin".to_owned();
    let home = home.to_string_lossy().into_owned();
    [("PATH", path), ("HOME", home)].map(|(name, value)| (name.to_owned(), value)).into()
}

/// A repository with one commit, and something in it that nobody committed.
async fn begin(folder: &Path, env: &[(String, String)]) -> Result<(), Failure> {
    std::fs::write(folder.join("README.md"), "Tides.\n")?;
    let who = ["-c", "user.name=Person", "-c", "user.email=person@example.org"];
    let commit = [&who[..], &["commit", "--quiet", "--message", "Begin"]].concat();
    for arguments in [&["init", "--quiet"][..], &["add", "."], &commit] {
        let git = Command::new("git", folder).args(arguments.iter().copied());
        let output = run(&git.env(env.iter().cloned()), &CancellationToken::new()).await?;
        if !output.success() {
            return Err(output.stderr.text().into());
        }
    }
    std::fs::write(folder.join("README.md"), "Tides, and more that is not finished\n")?;
    Ok(())
}
