//! The place in which a program of somebody else's works on one item of a
//! milestone. Such a program has tools: it commits, stashes, switches branches,
//! collects garbage, and none of it is a mistake. A linked worktree shares
//! refs, stash and config with the person's repository, so this place is none:
//! it is a small repository of its own that borrows the person's objects, and
//! what is written to it stays in it.
//!
//! What lies there afterwards is read by us and never by what its `.git` says:
//! see `snapshot`. That the program reaches for the person's repository by its
//! path is not prevented here; that is what a confinement is for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, at};
use crate::objects::TreeId;
use crate::place::{all_set_aside, canonical, is_empty_folder, is_ulid, not_ours, set_aside};
use crate::repository::Repository;

mod gathering;
mod ignored;
mod look;
mod making;
mod mark;
mod removal;
mod snapshot;
mod storing;

pub use snapshot::{LeftOut, Snapshot, SnapshotLimits, WhyLeftOut};

use look::Stamp;
use mark::{Found, Mark};

/// The folder that holds nothing but folders of workspaces, each named after
/// its run.
const RESERVED: &str = "workspaces";

/// A place for one program, whose content was once that of a tree. Dropping
/// the value leaves it where it is, for `Repository::left_workspaces`. Its
/// calls to git are cancelled as those of the repository it was made from.
#[derive(Debug, Clone)]
pub struct Workspace {
    repository: Repository,
    path: PathBuf,
    tree: TreeId,
    /// How each file looked when it was written: what still looks the same
    /// need not be read. Empty for one that another process made.
    stamps: Arc<BTreeMap<String, Stamp>>,
}

impl Repository {
    /// Makes `path` a workspace that holds the tree, byte for byte as it is
    /// stored: line ends, large-file pointers and what else a filter would
    /// show otherwise stay as they are, also for a git that is run in there.
    /// That git finds one commit on a branch `work`, an identity, no hooks, no
    /// remotes; submodules are empty folders.
    ///
    /// The file `PATH-workspace` beside it says that it is ours, of which
    /// repository, and once it is whole, of which tree. What stood at the path
    /// and is ours, half made or used, is removed first with all in it. At a
    /// path of the form `workspaces/ULID/NAME`, which only we would make, what
    /// lacks that file is moved aside to `PATH.broken-N`. One process at a time
    /// may use a path.
    ///
    /// # Errors
    ///
    /// `NotOurs` if something else is at another path, or if the path lies in
    /// the repository or the other way round; `Git` if there is no such tree;
    /// `Io`; `Cancelled`.
    pub async fn workspace(&self, path: &Path, tree: &TreeId) -> Result<Workspace, Error> {
        let path = canonical(path)?;
        self.check_apart(&path)?;
        // Also brings here what a partial clone lacks.
        let listing = self.listing(tree).await?;
        self.make_room(&path).await?;
        let mark = Mark::half_made(self)?;
        mark.write(&path)?;
        let made = making::Making { repository: self, path: &path, tree };
        made.repository_of_its_own().await?;
        made.fill().await?;
        let mut stamps = self.blocking(&path, making::stamps(&path, &listing)).await?;
        let whole = mark.whole(tree).write(&path)?;
        // A change at the very same moment would not show.
        stamps.retain(|_, stamp| stamp.is_before(whole));
        Ok(Workspace {
            repository: self.clone(),
            path,
            tree: tree.clone(),
            stamps: Arc::new(stamps),
        })
    }

    /// The whole workspaces of this repository that other processes left in a
    /// folder, by path; of half-made ones, in which nobody has worked, what
    /// there is is removed. Nobody else may be using that folder.
    ///
    /// # Errors
    ///
    /// `Io` if the folder cannot be read or something cannot be removed.
    pub async fn left_workspaces(&self, folder: &Path) -> Result<Vec<Workspace>, Error> {
        let mut left = Vec::new();
        for path in mark::marked(folder)? {
            let path = canonical(&path)?;
            let Found::Mark(mark) = mark::read(&path)? else {
                continue;
            };
            if !mark.is_of(self) || self.check_apart(&path).is_err() {
                continue;
            }
            match mark.tree() {
                Some(tree) if path.symlink_metadata().is_ok_and(|facts| facts.is_dir()) => {
                    let (repository, stamps) = (self.clone(), Arc::default());
                    left.push(Workspace { repository, path, tree, stamps });
                }
                _ => self.remove_marked(&path).await?,
            }
        }
        Ok(left)
    }

    /// Removes a folder of workspaces, `workspaces/ULID`, with all that is in
    /// it, whoever made it; that there is none is fine. Read what is left
    /// there before.
    ///
    /// # Errors
    ///
    /// `NotOurs` for a folder that is called otherwise, `Io`.
    pub async fn clear_workspaces(&self, folder: &Path) -> Result<(), Error> {
        let folder = canonical(folder)?;
        if !is_reserved_folder(&folder) {
            return Err(not_ours(&folder, "it is no folder of workspaces"));
        }
        self.check_apart(&folder)?;
        self.remove_forcibly(&folder).await
    }

    /// A workspace inside of the repository would be found by the person's
    /// tools, and one around it would be removed with it.
    fn check_apart(&self, path: &Path) -> Result<(), Error> {
        let owned = [self.top(), self.git_dir()];
        if owned.iter().any(|owned| path.starts_with(owned) || owned.starts_with(path)) {
            return Err(not_ours(path, "it is not apart from the repository"));
        }
        Ok(())
    }

    async fn make_room(&self, path: &Path) -> Result<(), Error> {
        match mark::read(path)? {
            Found::Mark(mark) if mark.is_of(self) => return self.remove_marked(path).await,
            Found::Mark(_) => return Err(not_ours(path, "it is another repository's workspace")),
            Found::Nothing | Found::Unreadable if is_reserved(path) => {
                if let Some(aside) = set_aside(path)? {
                    let (path, aside) = (path.display(), aside.display());
                    tracing::warn!(%path, %aside, "what is no workspace of ours was moved aside");
                }
                self.remove_forcibly(&mark::file(path)).await?;
            }
            Found::Unreadable => {
                return Err(not_ours(path, "the file beside it is not what belay writes"));
            }
            Found::Nothing if path.symlink_metadata().is_ok() && !is_empty_folder(path) => {
                return Err(not_ours(path, "it is no workspace"));
            }
            Found::Nothing => {}
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        Ok(())
    }

    /// Removes what bears our mark. The mark goes last, and says until then
    /// that there is nothing whole.
    async fn remove_marked(&self, path: &Path) -> Result<(), Error> {
        Mark::half_made(self)?.write(path)?;
        self.remove_forcibly(path).await?;
        for aside in all_set_aside(path).into_iter().filter(|_| is_reserved(path)) {
            self.remove_forcibly(&aside).await?;
        }
        self.remove_forcibly(&mark::file(path)).await
    }

    async fn remove_forcibly(&self, path: &Path) -> Result<(), Error> {
        let removed = path.to_owned();
        self.blocking(path, move || removal::remove(&removed)).await
    }

    /// Work on files, away from the others' work and within the time limit of
    /// git: a file system of the program's own may never answer.
    async fn blocking<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let work = tokio::time::timeout(self.caller().timeout(), tokio::task::spawn_blocking(work));
        match self.caller().unless_cancelled(work).await? {
            Ok(Ok(done)) => done.map_err(at(path)),
            Ok(Err(error)) => Err(at(path)(std::io::Error::other(error))),
            Err(_) => Err(at(path)(std::io::ErrorKind::TimedOut.into())),
        }
    }
}

impl Workspace {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it was filled from.
    #[must_use]
    pub fn tree(&self) -> &TreeId {
        &self.tree
    }

    /// The same workspace, whose calls end once this token is cancelled, not
    /// the one of the repository it was made from: what is to be saved must be
    /// so after all else was cancelled.
    #[must_use]
    pub fn with_cancel(&self, token: CancellationToken) -> Self {
        Self { repository: self.repository.with_cancel(token), ..self.clone() }
    }

    /// Removes it with all that is in it, also folders that nobody may read
    /// or write. What leads out of it is removed and not followed.
    ///
    /// # Errors
    ///
    /// `Io` if something cannot be removed, as a file system that was mounted
    /// in there; what is left is half made, and removed by the next try.
    pub async fn remove(self) -> Result<(), Error> {
        self.repository.remove_marked(&self.path).await
    }
}

/// Whether the path is one that only we would make: `workspaces/ULID/NAME`.
fn is_reserved(path: &Path) -> bool {
    path.parent().is_some_and(is_reserved_folder)
}

fn is_reserved_folder(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    let name = path.file_name().and_then(|name| name.to_str());
    folder.is_some_and(|folder| folder == RESERVED) && name.is_some_and(is_ulid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_a_folder_of_a_run_is_reserved() {
        let run = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        assert!(is_reserved(Path::new(&format!("/cache/belay/workspaces/{run}/1-2"))));
        for other in [
            format!("/cache/belay/workspaces/{run}"),
            format!("/cache/belay/worktrees/{run}/1-2"),
            format!("/cache/belay/workspaces/{run}/1/2"),
            "/ada/workspaces/work/1".to_owned(),
            "/".to_owned(),
        ] {
            assert!(!is_reserved(Path::new(&other)), "{other}");
        }
    }
}
