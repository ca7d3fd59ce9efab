//! The demo's folder: the project as a git repository of its own, and beside it
//! everything that a run would otherwise put into the person's cache.
//!
//! A demo that touches a home, a global git config or a shared build cache is
//! one that nobody dares to start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use subprocess::{Command, Limits};
use tokio_util::sync::CancellationToken;

use crate::environment::Surroundings;
use crate::error::{Code, CommandError, fail};

/// The project, as it is built into the binary.
const FILES: [(&str, &str); 6] = [
    (".gitignore", include_str!("../../../../fixtures/demo-project/.gitignore")),
    ("Cargo.toml", include_str!("../../../../fixtures/demo-project/Cargo.toml")),
    ("Cargo.lock", include_str!("../../../../fixtures/demo-project/Cargo.lock")),
    ("README.md", include_str!("../../../../fixtures/demo-project/README.md")),
    ("src/lib.rs", include_str!("../../../../fixtures/demo-project/src/lib.rs")),
    (
        "ideas/backlog/001-word-report.md",
        include_str!("../../../../fixtures/demo-project/ideas/backlog/001-word-report.md"),
    ),
];

/// Names tried for a fresh folder.
const MOST_NAMES: u32 = 10_000;
/// Who makes the first commit, whatever git's config says.
const AUTHOR: (&str, &str) = ("belay demo", "demo@belay.invalid");

/// The folder and what stands in it.
pub(crate) struct Folder {
    /// The whole of it: what a person removes.
    pub(crate) top: PathBuf,
    /// The repository.
    pub(crate) project: PathBuf,
    /// The surroundings that keep a run within the folder.
    pub(crate) surroundings: Surroundings,
}

impl Folder {
    /// Makes the folder and the project in it. A folder that has anything in it
    /// is refused (exit 2); an unnamed one is a fresh one for temporary files.
    pub(crate) async fn make(
        dir: Option<&Path>,
        surroundings: &Surroundings,
    ) -> Result<Self, CommandError> {
        for program in ["git", "cargo"] {
            if !has_program(surroundings, program) {
                return Err(fail(
                    Code::ProgramMissing,
                    format!("the demo needs {program}, which is not on PATH"),
                ));
            }
        }
        let top = match dir {
            Some(dir) => named(&surroundings.resolve(dir))?,
            None => fresh(&std::env::temp_dir())?,
        };
        // Git and cargo tell real paths; so does the demo.
        let top = top.canonicalize()?;
        let project = top.join("project");
        for (path, content) in FILES {
            write(&project.join(path), content)?;
        }
        let folder = Self { surroundings: enclosed(surroundings, &top, &project), project, top };
        folder.first_commit().await?;
        Ok(folder)
    }

    /// Writes the project's config.
    pub(crate) fn configure(&self, config: &str) -> io::Result<()> {
        write(&self.project.join("belay.yaml"), config)
    }

    async fn first_commit(&self) -> Result<(), CommandError> {
        self.git(&["init", "--quiet", "--template="]).await?;
        // Instead of `init -b`, which older versions of git do not have.
        self.git(&["symbolic-ref", "HEAD", "refs/heads/main"]).await?;
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--no-verify", "--message", "A project that counts words"])
            .await
    }

    async fn git(&self, args: &[&str]) -> Result<(), CommandError> {
        let (name, email) = AUTHOR;
        let command = Command::new("git", &self.project)
            .args(args.iter().copied())
            .env(self.surroundings.for_git())
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
}

fn has_program(surroundings: &Surroundings, name: &str) -> bool {
    let path = surroundings.var("PATH").unwrap_or_default();
    std::env::split_paths(path).any(|dir| dir.join(name).is_file())
}

fn named(dir: &Path) -> Result<PathBuf, CommandError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(dir.to_owned()),
            Some(_) => Err(fail(Code::InTheWay, format!("--dir: {} is not empty", dir.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(dir).map_err(|error| {
                fail(Code::InTheWay, format!("--dir: {} cannot be made: {error}", dir.display()))
            })?;
            Ok(dir.to_owned())
        }
        Err(error) => {
            Err(fail(Code::InTheWay, format!("--dir: {} cannot be used: {error}", dir.display())))
        }
    }
}

fn fresh(parent: &Path) -> Result<PathBuf, CommandError> {
    for number in 1..=MOST_NAMES {
        let dir = parent.join(format!("belay-demo-{number}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let message =
                    format!("{} cannot be made: {error}; name a folder with --dir", dir.display());
                return Err(fail(Code::InTheWay, message));
            }
        }
    }
    Err(fail(
        Code::InTheWay,
        format!("{} is full of demos; name a folder with --dir", parent.display()),
    ))
}

fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

/// The same surroundings, with every place that is written to within `top` and
/// no config of the person's, whose signing and hooks are not the demo's.
fn enclosed(surroundings: &Surroundings, top: &Path, project: &Path) -> Surroundings {
    let mut enclosed = surroundings.clone();
    let place = |name: &str| top.join("cache").join(name).display().to_string();
    let set = [
        ("XDG_CACHE_HOME", top.join("cache").display().to_string()),
        ("CARGO_HOME", place("cargo")),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
    ];
    enclosed.vars.extend(set.map(|(name, value)| (name.to_owned(), value)));
    project.clone_into(&mut enclosed.here);
    enclosed
}
