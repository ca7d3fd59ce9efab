//! The linked worktree in which the project's own commands run. It lies outside
//! the repository, is detached, and is only ever written from a tree; what
//! commands leave in it is overwritten by the next tree and never committed.
//!
//! Commands of the project are free to write there, also to its `.git` file, so
//! that file is not believed: git is told which directory is meant.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::{Call, POINTERS};
use crate::objects::{CommitId, TreeId};
use crate::repository::{Repository, tree_id};

/// The file in a worktree's administrative directory that says it is ours.
const MARK: &str = "belay";

/// The file in a worktree that leads to its administrative directory.
const LINK: &str = ".git";

/// How often git is asked to add a worktree, and how long between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// A linked worktree that belay made. Dropping the value leaves it where it is,
/// for the next process to take over.
#[derive(Debug, Clone)]
pub struct Worktree {
    repository: Repository,
    path: PathBuf,
    admin: PathBuf,
}

impl Repository {
    /// Makes a detached linked worktree at `path`, without any files yet, or
    /// takes over the one that an earlier process made there. Call
    /// `materialize` next. One process at a time may use a path.
    ///
    /// # Errors
    ///
    /// `NotOurs` if something else is at `path`: a folder that is no worktree
    /// of this repository, or one that somebody else made. It is left alone.
    pub async fn worktree(&self, path: &Path, at_commit: &CommitId) -> Result<Worktree, Error> {
        let path = canonical(path)?;
        let admin = match self.admin_of(&path)? {
            None if path.symlink_metadata().is_ok() && !is_empty_folder(&path) => {
                return Err(not_ours(&path, "it is no worktree of this repository"));
            }
            Some(admin) if !is_ours(&admin, &path) => {
                return Err(not_ours(&path, "somebody else made this worktree"));
            }
            Some(admin) if is_whole(&admin, &path) => admin,
            _ => {
                remove_all(&path).await?;
                self.add(&path, at_commit).await?
            }
        };
        let mark = admin.join(MARK);
        std::fs::write(&mark, "").map_err(at(mark))?;
        let worktree = Worktree { repository: self.clone(), path, admin };
        worktree.detach(at_commit).await?;
        Ok(worktree)
    }

    async fn add(&self, path: &Path, at_commit: &CommitId) -> Result<PathBuf, Error> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        // Forced twice, since a path that is still registered, even locked by
        // a git that died, is ours: its folder is gone or was cleared.
        let args = [
            "worktree",
            "add",
            "--force",
            "--force",
            "--detach",
            "--no-checkout",
            utf8(path)?,
            at_commit.as_str(),
        ];
        let _alone = self.alone().await?;
        let mut tries = 1;
        while let Err(error) = self.caller().run(&Call::new(&args)).await {
            // Somebody else's git may be at it too.
            if tries == TRIES || matches!(error, Error::Cancelled) {
                return Err(error);
            }
            tracing::debug!(%error, tries, "worktree not added yet");
            tries += 1;
            self.caller().unless_cancelled(sleep(PAUSE)).await?;
        }
        self.admin_of(path)?.ok_or_else(|| Error::Unreadable {
            command: "worktree add".to_owned(),
            what: format!("a worktree at {}", path.display()),
        })
    }

    /// Holds other processes of ours back for as long as the value lives: a git
    /// that meets another's half-made worktree fails.
    async fn alone(&self) -> Result<File, Error> {
        let dir = self.git_dir().join("belay");
        std::fs::create_dir_all(&dir).map_err(at(&dir))?;
        let path = dir.join("worktrees.lock");
        let file = File::create(&path).map_err(at(&path))?;
        let wait = async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => sleep(PAUSE).await,
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        };
        let wait = timeout(self.caller().timeout(), wait);
        let locked = self.caller().unless_cancelled(wait).await?;
        locked.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(at(path))?;
        Ok(file)
    }

    /// The administrative directory of the linked worktree at this path.
    fn admin_of(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let all = self.git_dir().join("worktrees");
        if !all.is_dir() {
            return Ok(None);
        }
        let entries = std::fs::read_dir(&all).map_err(at(&all))?;
        for entry in entries {
            let admin = entry.map_err(at(&all))?.path();
            let Ok(link) = std::fs::read_to_string(admin.join("gitdir")) else {
                continue;
            };
            // Relative to the administrative directory in newer gits.
            let link = admin.join(link.trim_end_matches('\n'));
            let Some(folder) = link.parent() else {
                continue;
            };
            if canonical(folder).is_ok_and(|folder| folder == path) {
                return Ok(Some(admin));
            }
        }
        Ok(None)
    }
}

impl Worktree {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the worktree's content that of the tree: every tracked file as in
    /// the tree, no other file but what git ignores, so that build folders
    /// stay. Ready to be called after anything that a command did in there.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such tree or a file cannot be written; `NotOurs` if
    /// the folder was replaced. The worktree may then hold a mixture, which the
    /// next call mends.
    pub async fn materialize(&self, tree: &TreeId) -> Result<(), Error> {
        self.check_folder()?;
        self.restore_link().await?;
        self.clear_locks()?;
        self.git(&["read-tree", "--reset", "-u", tree.as_str()]).await?;
        // Twice forced: a repository made in there by a test is no exception.
        // Modules take long to install and not every project ignores them.
        self.git(&["clean", "-f", "-f", "-d", "-q", "-e", "node_modules/"]).await?;
        let result = self.git(&["write-tree"]).await?;
        if tree_id("write-tree", &result)? != *tree {
            return Err(Error::Git {
                command: "read-tree".to_owned(),
                message: format!("the worktree holds {result} instead of {tree}"),
            });
        }
        Ok(())
    }

    /// Removes the worktree with all that is in it, and what belay keeps
    /// beside it.
    ///
    /// # Errors
    ///
    /// `Io` if a file cannot be removed, `Git` if git cannot forget it.
    pub async fn remove(self) -> Result<(), Error> {
        for path in [&self.path, &self.environment(), &self.setup_mark()] {
            remove_all(path).await?;
        }
        let _alone = self.repository.alone().await?;
        remove_all(&self.admin).await
    }

    /// The folder beside the worktree for what setup installs, so that it is
    /// neither cleaned away nor seen by the project's tools.
    pub(crate) fn environment(&self) -> PathBuf {
        self.beside("-env")
    }

    /// The file beside the worktree that says which setup was done.
    pub(crate) fn setup_mark(&self) -> PathBuf {
        self.beside("-setup")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(self.path.as_os_str());
        name.push(suffix);
        PathBuf::from(name)
    }

    async fn detach(&self, commit: &CommitId) -> Result<(), Error> {
        self.check_folder()?;
        self.clear_locks()?;
        self.git(&["update-ref", "--no-deref", "HEAD", commit.as_str()]).await?;
        Ok(())
    }

    async fn git(&self, args: &[&str]) -> Result<String, Error> {
        let call = Call::new(args)
            .options(&POINTERS)
            .dir(&self.path)
            .env("GIT_DIR", utf8(&self.admin)?)
            .env("GIT_WORK_TREE", utf8(&self.path)?);
        self.repository.caller().line(&call).await
    }

    /// A command may have put a link in the folder's place, through which we
    /// would write elsewhere.
    fn check_folder(&self) -> Result<(), Error> {
        let facts = self.path.symlink_metadata().map_err(at(&self.path))?;
        if facts.is_dir() { Ok(()) } else { Err(not_ours(&self.path, "the folder was replaced")) }
    }

    /// A command may have led git in there to another repository, or removed
    /// the file; the project's tools look for it.
    async fn restore_link(&self) -> Result<(), Error> {
        let link = self.path.join(LINK);
        let content = format!("gitdir: {}\n", utf8(&self.admin)?);
        let is_file = link.symlink_metadata().is_ok_and(|facts| facts.is_file());
        if is_file && std::fs::read(&link).is_ok_and(|found| found == content.as_bytes()) {
            return Ok(());
        }
        remove_all(&link).await?;
        std::fs::write(&link, content).map_err(at(link))
    }

    /// What a git that died left; nobody else uses this worktree.
    fn clear_locks(&self) -> Result<(), Error> {
        for name in ["index.lock", "HEAD.lock"] {
            let lock = self.admin.join(name);
            match std::fs::remove_file(&lock) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(at(lock)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Absolute and without links, for a path whose last parts may not exist yet.
fn canonical(path: &Path) -> Result<PathBuf, Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return path.canonicalize().map_err(at(path));
    };
    if parent.as_os_str().is_empty() {
        return Err(Error::Io {
            path: path.to_owned(),
            source: std::io::Error::other("the path is not absolute"),
        });
    }
    match parent.canonicalize() {
        Ok(parent) => Ok(parent.join(name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(canonical(parent)?.join(name))
        }
        Err(error) => Err(at(parent)(error)),
    }
}

fn not_ours(path: &Path, why: &str) -> Error {
    Error::NotOurs { path: path.to_owned(), why: why.to_owned() }
}

/// Whether belay made the registered worktree, and what lies at its path now
/// is still that: it bears our mark, or the process that was making it died
/// before anything was written into it.
fn is_ours(admin: &Path, path: &Path) -> bool {
    let is_empty = path.symlink_metadata().is_err() || is_bare(path);
    if admin.join(MARK).is_file() {
        is_empty || leads_to(path, admin)
    } else {
        is_empty && !admin.join("index").exists()
    }
}

/// Whether it is complete on both sides; what is not is made again.
fn is_whole(admin: &Path, path: &Path) -> bool {
    admin.join("HEAD").is_file()
        && admin.join("commondir").is_file()
        && admin.join(MARK).is_file()
        && leads_to(path, admin)
}

/// Whether the folder's `.git` file names this administrative directory.
fn leads_to(path: &Path, admin: &Path) -> bool {
    let is_dir = path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
    is_dir
        && std::fs::read_to_string(path.join(LINK)).is_ok_and(|link| {
            link.strip_prefix("gitdir: ")
                .and_then(|target| path.join(target.trim_end_matches('\n')).canonicalize().ok())
                .is_some_and(|target| target == admin)
        })
}

fn is_empty_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_dir())
        && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether nothing but the `.git` file was ever written there.
fn is_bare(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_dir())
        && std::fs::read_dir(path).is_ok_and(|entries| {
            entries.flatten().all(|entry| entry.file_name() == LINK && entry.path().is_file())
        })
}

async fn remove_all(path: &Path) -> Result<(), Error> {
    let result = match tokio::fs::symlink_metadata(path).await {
        Ok(facts) if facts.is_dir() => tokio::fs::remove_dir_all(path).await,
        Ok(_) => tokio::fs::remove_file(path).await,
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}
