//! The linked worktree in which the project's own commands run. It lies outside
//! the repository, is detached, and is only ever written from a tree; what
//! commands leave in it is overwritten by the next tree and never committed.
//!
//! Commands of the project are free to write there, also to its `.git` file, so
//! that file is not believed: git is told which directory is meant.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::{Call, POINTERS};
use crate::objects::{CommitId, TreeId};
use crate::place::{
    self, MARK, all_set_aside, beside, canonical, is_anothers, is_empty_folder, is_ours,
    is_reserved, is_whole, is_whole_admin, not_ours, remove_all, set_aside,
};
use crate::repository::Repository;

/// How often git is asked to add a worktree, and how long between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// What the name of the file beside a worktree ends in that says which setup
/// was done.
const SETUP_MARK: &str = "-setup";

/// A linked worktree that belay made. Dropping the value leaves it where it is,
/// for the next process to take over. Its calls to git are cancelled as those
/// of the repository it was made from.
#[derive(Debug, Clone)]
pub struct Worktree {
    repository: Repository,
    path: PathBuf,
    /// What HEAD is to be, also if it must be made again.
    commit: CommitId,
    /// Another one when the worktree had to be made again.
    admin: Arc<Mutex<PathBuf>>,
    /// What it was filled from, if nothing was started in it since.
    filled: Arc<Mutex<Option<TreeId>>>,
}

impl Repository {
    /// Makes a detached linked worktree at `path`, without any files yet, or
    /// takes over the one that an earlier process made there. Call
    /// `materialize` next. One process at a time may use a path.
    ///
    /// A path of the form `worktrees/ULID` is ours alone: whatever stands there
    /// and cannot be taken over, since commands of the project damaged it, is
    /// moved aside to `PATH.broken-N` (a link is removed, what it leads to is
    /// not), and the worktree made again.
    ///
    /// # Errors
    ///
    /// `NotOurs` if something else is at another `path`, a folder that is no
    /// worktree of this repository or one that somebody else made, or if at any
    /// path somebody else's worktree has a branch checked out. It is left
    /// alone. `Cancelled`.
    pub async fn worktree(&self, path: &Path, at_commit: &CommitId) -> Result<Worktree, Error> {
        let path = canonical(path)?;
        let found = self.admin_of(&path)?;
        if let Some(admin) = found.as_ref().filter(|admin| self.is_whole(admin, &path)) {
            let worktree = self.worktree_of(&path, at_commit, admin.clone());
            match worktree.detach().await {
                Err(error) if self.is_for_us(&path) && is_mendable(&error) => {
                    tracing::warn!(%error, "a worktree cannot be taken over and is made again");
                }
                detached => return detached.map(|()| worktree),
            }
        } else if self.is_for_us(&path) {
            // Ours are detached, and a command would have to hide its traces.
            if found.as_deref().is_some_and(is_anothers) {
                return Err(not_ours(&path, "somebody else made this worktree"));
            }
        } else {
            match &found {
                None if path.symlink_metadata().is_ok() && !is_empty_folder(&path) => {
                    return Err(not_ours(&path, "it is no worktree of this repository"));
                }
                Some(admin) if !is_ours(admin, &path) => {
                    return Err(not_ours(&path, "somebody else made this worktree"));
                }
                _ => remove_all(&path).await?,
            }
        }
        if let Some(aside) = set_aside(&path)? {
            let (path, aside) = (path.display(), aside.display());
            tracing::warn!(%path, %aside, "what is no whole worktree was moved aside");
        }
        let admin = self.add(&path, at_commit, found.as_deref()).await?;
        let worktree = self.worktree_of(&path, at_commit, admin);
        worktree.detach().await?;
        Ok(worktree)
    }

    fn worktree_of(&self, path: &Path, commit: &CommitId, admin: PathBuf) -> Worktree {
        Worktree {
            repository: self.clone(),
            path: path.to_owned(),
            commit: commit.clone(),
            admin: Arc::new(Mutex::new(admin)),
            filled: Arc::default(),
        }
    }

    fn is_whole(&self, admin: &Path, path: &Path) -> bool {
        is_whole(admin, path, self.git_dir())
    }

    /// Whether only we would put anything there. Git names its administrative
    /// directories in the same way.
    fn is_for_us(&self, path: &Path) -> bool {
        is_reserved(path) && !path.starts_with(self.git_dir()) && !self.top().starts_with(path)
    }

    /// Registers a worktree at a path where nothing stands, and marks it as
    /// ours. What git still knows in `former` of one that stood there is
    /// forgotten.
    async fn add(
        &self,
        path: &Path,
        at_commit: &CommitId,
        former: Option<&Path>,
    ) -> Result<PathBuf, Error> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        // What was installed in the former one is gone with it.
        remove_all(&beside(path, SETUP_MARK)).await?;
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
        if let Some(former) = former {
            self.salvage(former, Some(at_commit)).await?;
            // Not `worktree prune`, which would also forget worktrees of the
            // person whose disk is not there at the moment.
            remove_all(former).await?;
        }
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
        let admin = self.admin_of(path)?.ok_or_else(|| Error::Unreadable {
            command: "worktree add".to_owned(),
            what: format!("a worktree at {}", path.display()),
        })?;
        let mark = admin.join(MARK);
        std::fs::write(&mark, "").map_err(at(mark))?;
        place::sync_admin(&admin)?;
        Ok(admin)
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

    /// Whether the folder is a linked worktree of this repository.
    ///
    /// # Errors
    ///
    /// `Io`.
    pub fn has_worktree(&self, path: &Path) -> Result<bool, Error> {
        Ok(self.admin_of(&canonical(path)?)?.is_some())
    }

    /// Whether anything is left of a linked worktree of this repository: the
    /// folder, what git knows of it, or, where no folder stands, what was moved
    /// aside from there by a process that died before it made another one.
    ///
    /// # Errors
    ///
    /// `Io`.
    pub fn has_left(&self, path: &Path) -> Result<bool, Error> {
        let nothing_stands = path.symlink_metadata().is_err();
        Ok(self.has_worktree(path)? || nothing_stands && !all_set_aside(path).is_empty())
    }

    /// The administrative directory of the linked worktree at this path.
    pub(crate) fn admin_of(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
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
    /// A worktree at `worktrees/ULID` that was damaged beyond that is made
    /// again, once, without its build folders.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such tree or a file cannot be written; `NotOurs` if
    /// the folder was replaced; `Cancelled`. The worktree may then hold a
    /// mixture, which the next call mends.
    pub async fn materialize(&self, tree: &TreeId) -> Result<(), Error> {
        self.forget_filled();
        self.fill_or_make_again(tree).await?;
        *self.filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(tree.clone());
        Ok(())
    }

    /// As `materialize`, but nothing is done if that was done for this tree
    /// already and no command or hook of the project was started since, by this
    /// value or a clone of it. So a worktree can be filled while there is time,
    /// and be ready when it is needed. What others write there in between is
    /// not noticed.
    ///
    /// # Errors
    ///
    /// As `materialize`.
    pub async fn ensure(&self, tree: &TreeId) -> Result<(), Error> {
        let is_filled = {
            let filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
            filled.as_ref() == Some(tree)
        };
        if is_filled && self.check_folder().is_ok() {
            return Ok(());
        }
        self.materialize(tree).await
    }

    /// To be called before anything is started that may write there.
    pub(crate) fn forget_filled(&self) {
        *self.filled.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn fill_or_make_again(&self, tree: &TreeId) -> Result<(), Error> {
        let Err(error) = self.fill(tree).await else {
            return Ok(());
        };
        let mendable = self.repository.is_for_us(&self.path) && is_mendable(&error);
        if !mendable || !self.repository.has_tree(tree).await? {
            return Err(error);
        }
        tracing::warn!(%error, path = %self.path.display(), "a damaged worktree is made again");
        self.make_again().await?;
        self.fill(tree).await
    }

    async fn make_again(&self) -> Result<(), Error> {
        if let Some(aside) = set_aside(&self.path)? {
            // We filled it, and a call that had gone well would have cleaned
            // it: this need not be kept, only be out of the way.
            if let Err(error) = remove_all(&aside).await {
                tracing::debug!(%error, "a damaged worktree is left where it was moved to");
            }
        }
        let admin = self.repository.add(&self.path, &self.commit, Some(&self.admin())).await?;
        *self.admin.lock().unwrap_or_else(PoisonError::into_inner) = admin;
        self.detach().await
    }

    /// Removes the worktree with all that is in it, and what belay keeps
    /// beside it. A commit that somebody made in it and that no ref holds is
    /// kept first, as `refs/belay/salvage/COMMIT`; so it is when the worktree
    /// is taken over or made again. Files that nobody committed are not kept.
    ///
    /// # Errors
    ///
    /// `Io` if a file cannot be removed, `Git` if git cannot forget it or such
    /// a commit cannot be kept: then nothing is removed.
    pub async fn remove(self) -> Result<(), Error> {
        self.repository.salvage(&self.admin(), Some(&self.commit)).await?;
        for path in [&self.environment(), &self.setup_mark(), &self.staged()] {
            remove_all(path).await?;
        }
        for aside in all_set_aside(&self.path) {
            if let Err(error) = remove_all(&aside).await {
                tracing::debug!(%error, "what was moved aside is left there");
            }
        }
        let _alone = self.repository.alone().await?;
        remove_all(&self.admin()).await?;
        // Last: by this folder the next process sees that one died here.
        remove_all(&self.path).await
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The folder beside the worktree for what setup installs, so that it is
    /// neither cleaned away nor seen by the project's tools.
    pub(crate) fn environment(&self) -> PathBuf {
        beside(&self.path, "-env")
    }

    /// The folder beside the worktree that files are written into first.
    pub(crate) fn staged(&self) -> PathBuf {
        beside(&self.path, "-staged")
    }

    /// The file beside the worktree that says which setup was done.
    pub(crate) fn setup_mark(&self) -> PathBuf {
        beside(&self.path, SETUP_MARK)
    }

    pub(crate) fn admin(&self) -> PathBuf {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn detach(&self) -> Result<(), Error> {
        self.check_folder()?;
        self.clear_locks()?;
        let head = self.admin().join("HEAD");
        let is_file = head.symlink_metadata().is_ok_and(|facts| facts.is_file());
        let stands = is_file
            && std::fs::read_to_string(&head)
                .is_ok_and(|head| head.trim_end() == self.commit.as_str());
        if stands {
            return Ok(());
        }
        self.repository.salvage(&self.admin(), Some(&self.commit)).await?;
        self.git(&["update-ref", "--no-deref", "HEAD", self.commit.as_str()]).await?;
        Ok(())
    }

    /// A call to git that means this worktree, whatever its files say.
    pub(crate) fn call<'a>(&'a self, args: &[&'a str]) -> Result<Call<'a>, Error> {
        Ok(Call::new(args)
            .options(&POINTERS)
            .dir(&self.path)
            .env("GIT_DIR", utf8(&self.admin())?)
            .env("GIT_WORK_TREE", utf8(&self.path)?))
    }

    pub(crate) async fn git(&self, args: &[&str]) -> Result<String, Error> {
        self.repository.caller().line(&self.call(args)?).await
    }

    /// A command may have put a link in the folder's place, through which we
    /// would write elsewhere, or led git to another repository's objects.
    pub(crate) fn check_folder(&self) -> Result<(), Error> {
        let facts = self.path.symlink_metadata().map_err(at(&self.path))?;
        if !facts.is_dir() {
            return Err(not_ours(&self.path, "the folder was replaced"));
        }
        if !is_whole_admin(&self.admin(), self.repository.git_dir()) {
            return Err(not_ours(&self.path, "what git keeps about it was damaged"));
        }
        Ok(())
    }

    /// What a git that died left; nobody else uses this worktree.
    pub(crate) fn clear_locks(&self) -> Result<(), Error> {
        for name in ["index.lock", "HEAD.lock"] {
            let lock = self.admin().join(name);
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

/// Whether a worktree that is made again could do better.
fn is_mendable(error: &Error) -> bool {
    matches!(
        error,
        Error::Git { .. } | Error::NotOurs { .. } | Error::Io { .. } | Error::Unreadable { .. }
    )
}
