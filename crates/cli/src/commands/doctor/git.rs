//! The git program, the repository, and who its commits are by.

use std::path::{Path, PathBuf};
use std::time::Duration;

use subprocess::{Command, Limits};
use tokio_util::sync::CancellationToken;
use worktree::{Error, Git, Repository};

use super::{Check, Patient};
use crate::environment::Surroundings;
use crate::error::CommandError;

/// A git that needs longer for a question about itself hangs.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The first version with `worktree list -z`.
const OLDEST: (u64, u64) = (2, 36);

/// The repository as far as it could be found.
pub(super) struct Found {
    /// Its top, or where it was looked for.
    pub(super) top: PathBuf,
    pub(super) repository: Option<Repository>,
    pub(super) checks: Vec<Check>,
}

pub(super) async fn find(from: &Path, surroundings: &Surroundings) -> Found {
    let git = Git { program: "git".to_owned(), env: surroundings.for_git(), timeout: TIMEOUT };
    let version = version(from, &git).await;
    match Repository::discover(from, git).await {
        Ok(repository) => {
            let top = repository.top().to_owned();
            let found = Check::ok("repository", top.display().to_string());
            Found { top, repository: Some(repository), checks: vec![version, found] }
        }
        Err(error) => {
            let top = match &error {
                Error::NoCommit { path } => path.clone(),
                _ => from.to_owned(),
            };
            Found { top, repository: None, checks: vec![version, unusable(error)] }
        }
    }
}

fn unusable(error: Error) -> Check {
    let mend = match &error {
        Error::NoCommit { .. } => "make a first commit: git commit --allow-empty -m start",
        Error::NotARepository { .. } => {
            "stand in a repository or name one with --repo DIR; git init makes one"
        }
        Error::Bare { .. } => "name a clone with files checked out with --repo DIR",
        _ => "see that git works here: git status",
    };
    Check::fail("repository", CommandError::from(error).line(), mend)
}

async fn version(from: &Path, git: &Git) -> Check {
    let limits = Limits { total: TIMEOUT, output: 1024, ..Limits::default() };
    let command = Command::new(git.program.clone(), from)
        .args(["--version"])
        .env(git.env.iter().cloned())
        .limits(limits);
    let install = "install git 2.36 or newer, on the PATH of this process";
    let said = match subprocess::run(&command, &CancellationToken::new()).await {
        Ok(output) if output.success() => output.stdout.text().trim().to_owned(),
        Ok(output) => {
            return Check::fail("git", format!("git --version: {:?}", output.ended), install);
        }
        Err(error) => return Check::fail("git", error.to_string(), install),
    };
    match parsed(&said) {
        Some(version) if version < OLDEST => {
            Check::fail("git", format!("{said} is too old"), install)
        }
        Some(_) => Check::ok("git", said),
        None => Check::warn("git", format!("{said} is a version that is not known"), install),
    }
}

fn parsed(said: &str) -> Option<(u64, u64)> {
    let mut numbers = said.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What commits will bear.
pub(super) async fn of_commits(patient: &Patient) -> Vec<Check> {
    let Some(repository) = &patient.repository else { return Vec::new() };
    vec![author(patient, repository).await, signing(repository).await]
}

async fn author(patient: &Patient, repository: &Repository) -> Check {
    let configured = patient.config.as_ref().and_then(|config| config.commit.author.as_ref());
    if let Some(author) = configured {
        return Check::ok(
            "author",
            format!("{} <{}>, by commit.author", author.name, author.email),
        );
    }
    let mend = "git config user.name NAME and git config user.email ADDRESS, or commit.author";
    match repository.author().await {
        Ok(Some(author)) => Check::ok("author", format!("{} <{}>", author.name, author.email)),
        Ok(None) => Check::warn("author", "git knows none: commits are a bot's", mend),
        Err(error) => Check::fail("author", CommandError::from(error).line(), mend),
    }
}

async fn signing(repository: &Repository) -> Check {
    match repository.signs().await {
        Ok(true) => Check::ok("signing", "git's config wants commits signed"),
        Ok(false) => Check::ok("signing", "git's config wants no commit signed"),
        Err(error) => {
            let mend = "git config commit.gpgSign says true or false";
            Check::fail("signing", CommandError::from(error).line(), mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_every_git_writes_them() {
        for (said, wanted) in [
            ("git version 2.47.3", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
            ("git version 2.36.0.windows.1", Some((2, 36))),
            ("git version 3.0", Some((3, 0))),
            ("git version next", None),
            ("hub version 2.1", None),
            ("", None),
        ] {
            assert_eq!(parsed(said), wanted, "{said:?}");
        }
        assert!((2, 9) < OLDEST && (3, 0) > OLDEST);
    }
}
