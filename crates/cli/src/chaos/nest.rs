//! The folder that everything happens in: one for the whole command, in it a repository for each
//! run, copied from one that is made once. It goes with its value, so nothing is left of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use subprocess::{Command, Limits};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::idea::Complexity;
use crate::environment::Surroundings;
use crate::error::{Code, CommandError, fail};

/// Who makes the first commit, whatever git's config says.
const AUTHOR: (&str, &str) = ("belay chaos", "chaos@belay.invalid");

/// The folder of the whole command.
pub(crate) struct Nest {
    top: TempDir,
    /// The machine's name and where programs are; nothing else of the person's.
    host: String,
    path: String,
}

/// The folder of one run.
pub(crate) struct Place {
    _dir: TempDir,
    pub(crate) project: PathBuf,
    pub(crate) surroundings: Surroundings,
}

impl Nest {
    /// Makes the folder and a repository for each complexity.
    pub(crate) async fn make(surroundings: &Surroundings) -> Result<Self, CommandError> {
        let path = surroundings.var("PATH").unwrap_or_default().to_owned();
        if !std::env::split_paths(&path).any(|dir| dir.join("git").is_file()) {
            return Err(fail(Code::ProgramMissing, "chaos needs git, which is not on PATH"));
        }
        let top = tempfile::Builder::new().prefix("belay-chaos-").tempdir()?;
        let nest = Self { top, host: surroundings.host.clone(), path };
        for complexity in Complexity::ALL {
            nest.pattern(complexity).await?;
        }
        Ok(nest)
    }

    /// A repository of its own for one run, with this config.
    pub(crate) fn place(&self, complexity: Complexity, config: &str) -> io::Result<Place> {
        let dir = tempfile::Builder::new().prefix("run-").tempdir_in(self.top.path())?;
        // Git tells real paths; so do we.
        let top = dir.path().canonicalize()?;
        let project = top.join("project");
        copy(&self.pattern_of(complexity), &project)?;
        fs::write(project.join("belay.yaml"), config)?;
        let surroundings = self.enclosed(&top, &project);
        Ok(Place { _dir: dir, project, surroundings })
    }

    /// Surroundings of no run.
    pub(crate) fn surroundings(&self) -> Surroundings {
        self.enclosed(self.top.path(), self.top.path())
    }

    /// Takes the folder away; an error says what could not be.
    pub(crate) fn remove(self) -> io::Result<()> {
        self.top.close()
    }

    fn pattern_of(&self, complexity: Complexity) -> PathBuf {
        self.top.path().join(complexity.name())
    }

    async fn pattern(&self, complexity: Complexity) -> Result<(), CommandError> {
        let project = self.pattern_of(complexity);
        let idea = project.join(complexity.path());
        fs::create_dir_all(idea.parent().unwrap_or(&project))?;
        fs::write(&idea, complexity.text())?;
        fs::write(project.join("README.md"), "# A project without a purpose\n")?;
        self.git(&project, &["init", "--quiet", "--template="]).await?;
        // Instead of `init -b`, which older versions of git do not have.
        self.git(&project, &["symbolic-ref", "HEAD", "refs/heads/main"]).await?;
        self.git(&project, &["add", "--all"]).await?;
        self.git(&project, &["commit", "--quiet", "--no-verify", "--message", "An idea"]).await
    }

    async fn git(&self, project: &Path, args: &[&str]) -> Result<(), CommandError> {
        let (name, email) = AUTHOR;
        let command = Command::new("git", project)
            .args(args.iter().copied())
            .env(self.enclosed(self.top.path(), project).for_git())
            .env([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", email)])
            .env([("GIT_COMMITTER_NAME", name), ("GIT_COMMITTER_EMAIL", email)])
            .limits(Limits::default());
        let ran = subprocess::run(&command, &CancellationToken::new()).await;
        let output = ran.map_err(anyhow::Error::from)?;
        if output.success() {
            return Ok(());
        }
        let said = output.stderr.text();
        Err(anyhow::anyhow!("git {} failed: {}", args.join(" "), said.trim()).into())
    }

    /// Surroundings that lead nowhere out of the folder: no home, key, job or config of anybody's.
    fn enclosed(&self, top: &Path, project: &Path) -> Surroundings {
        let below = |name: &str| top.join(name).display().to_string();
        let vars = [
            ("PATH", self.path.clone()),
            ("HOME", below("home")),
            ("XDG_CACHE_HOME", below("cache")),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ];
        let vars: BTreeMap<String, String> =
            vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Surroundings { vars, here: project.to_owned(), host: self.host.clone() }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
