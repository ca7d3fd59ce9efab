//! The folder in which a program does a work item: a small repository of its own with the milestone's
//! base in it, outside of the person's.
//!
//! What lies in it is told by git with the person's objects and nobody's settings, and becomes the
//! item's change set or, when the program failed, a commit that is kept aside and never merged. A
//! process that is killed leaves the folder; the next one keeps what stands in it before anything
//! else.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use agents::{After, Found, Kept, Leaving, Place, ResolvedChange, SourceError};
use checkpoint_store::RunId;
use model_providers::{Class, ModelId};
use tokio::sync::Mutex;
use worktree::{
    CommitId, CommitIntent, LeftOut, Person, Snapshot, SnapshotLimits, TreeId, Workspace,
};

use super::offers::texts;
use super::taking::refused;
use crate::Error;
use crate::clock::commit_stamp;
use crate::driver::{Driver, Parts};
use crate::event::Event;
use crate::journal::Journal;

/// New files that are looked at; a program that makes more has installed something.
const MOST_NEW: usize = 5_000;
/// So many files of the largest size may be changed.
const MOST_FILES: u64 = 64;
/// All that one program printed is kept up to this, in bytes.
const MOST_PRINTED: usize = 4 * 1024 * 1024;
/// Of one item, in the names of what is kept.
const MOST_KEPT: usize = 20;

/// What a folder is for.
#[derive(Clone, Debug)]
pub(super) struct Purpose {
    pub(super) milestone: usize,
    pub(super) item: usize,
    pub(super) files: Vec<String>,
}

/// One item's folder.
pub(super) struct ItemPlace {
    parts: Parts,
    journal: Journal,
    run: String,
    purpose: Purpose,
    /// Where programs work on the run's items.
    folder: PathBuf,
    transcripts: PathBuf,
    /// The tree that the change set is made for.
    onto: TreeId,
    /// The tree that programs begin with: without what no model may see.
    base: TreeId,
    tip: CommitId,
    author: Person,
    limits: SnapshotLimits,
    open: Mutex<Option<Open>>,
}

/// The folder of the program that works now, or has left.
struct Open {
    workspace: Workspace,
    /// Device and number: a program that moved its folder away has put another one there.
    made: (u64, u64),
}

impl Driver {
    /// The folder for an item, which is not made yet.
    pub(super) async fn place_for(
        &self,
        purpose: Purpose,
        onto: &TreeId,
    ) -> Result<ItemPlace, Error> {
        let parts = &self.parts;
        let paths: Vec<String> =
            parts.repository.files(onto).await?.into_iter().map(|file| file.path).collect();
        let hidden = agents::hidden(&paths, &parts.agents.deny).map_err(agents::Failed::from)?;
        let base = parts.repository.tree_without(onto, &hidden).await?;
        self.place_of(purpose, base, onto.clone()).await
    }

    async fn place_of(
        &self,
        purpose: Purpose,
        base: TreeId,
        onto: TreeId,
    ) -> Result<ItemPlace, Error> {
        let settings = &self.parts.settings;
        let limits = SnapshotLimits {
            new_paths: MOST_NEW,
            file_bytes: settings.max_file_bytes,
            all_bytes: settings.max_file_bytes.saturating_mul(MOST_FILES),
            wanted: purpose.files.iter().cloned().collect(),
        };
        Ok(ItemPlace {
            parts: self.parts.clone(),
            journal: self.journal.clone(),
            run: self.run.to_string(),
            purpose,
            folder: self.workspaces(),
            onto,
            transcripts: settings.transcripts.join(self.run.to_string()),
            base,
            tip: self.tip()?,
            author: self.author().await?,
            limits,
            open: Mutex::default(),
        })
    }

    fn workspaces(&self) -> PathBuf {
        self.parts.settings.workspaces.join(self.run.to_string())
    }

    /// Keeps what programs left that were at work when an earlier process was killed, and clears
    /// their folders away.
    pub(crate) async fn salvage_workspaces(&self) -> Result<(), Error> {
        let folder = self.workspaces();
        if folder.symlink_metadata().is_err() {
            return Ok(());
        }
        let repository = &self.parts.repository;
        for workspace in repository.left_workspaces(&folder).await? {
            let path = workspace.path().to_owned();
            match self.salvage_workspace(workspace).await {
                Err(error) if error.cancelled() => return Err(error),
                // A folder that its program has spoiled must not hold up the run for ever.
                Err(error) => tracing::warn!(%error, path = %path.display(), "a workspace is lost"),
                Ok(()) => {}
            }
        }
        if let Err(error) = repository.clear_workspaces(&folder).await {
            tracing::warn!(%error, path = %folder.display(), "workspaces stay");
        }
        Ok(())
    }

    async fn salvage_workspace(&self, workspace: Workspace) -> Result<(), Error> {
        if let Some(purpose) = self.purpose_of(workspace.path()) {
            let base = workspace.tree().clone();
            let place = self.place_of(purpose, base.clone(), base).await?;
            let snapshot = workspace.snapshot(&place.limits).await?;
            let reason = "belay was ended while it worked".to_owned();
            place.salvage(&snapshot, Left { model: None, class: None, reason }, None).await?;
        }
        Ok(workspace.remove().await?)
    }

    /// The item that a folder was made for, by its name.
    fn purpose_of(&self, path: &Path) -> Option<Purpose> {
        let mut numbers = path.file_name()?.to_str()?.split('-').map(str::parse);
        let (milestone, item): (usize, usize) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let state = self.journal.state();
        let round = state.milestone(milestone)?.current()?;
        let files = round.items.get(item.checked_sub(1)?)?.files();
        Some(Purpose { milestone, item, files })
    }

    /// What was kept of programs' work is of no use to a run that is done.
    pub(crate) async fn forget_salvaged(&self) {
        if !self.journal.state().salvaged.is_empty()
            && let Err(error) = self.parts.repository.forget_salvaged(&self.run.to_string()).await
        {
            tracing::warn!(%error, "what programs left stays among the refs");
        }
        let transcripts = self.parts.settings.transcripts.join(self.run.to_string());
        if let Err(error) = std::fs::remove_dir_all(transcripts)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what programs printed stays");
        }
    }
}

/// Whose work is kept, and why it is not taken.
struct Left {
    model: Option<ModelId>,
    class: Option<Class>,
    reason: String,
}

impl ItemPlace {
    /// Clears the folder away. What failed in it was kept before.
    pub(super) async fn clear(&self) {
        if let Some(open) = self.open.lock().await.take()
            && let Err(error) = open.workspace.remove().await
        {
            tracing::warn!(%error, "a workspace stays");
        }
    }

    async fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let open = self.open.lock().await;
        let open = open.as_ref().ok_or_else(|| SourceError::new("there is no folder"))?;
        open.workspace.snapshot(&self.limits).await.map_err(|error| unreadable(&error))
    }

    async fn differences(&self, snapshot: &Snapshot) -> Result<Vec<Found>, worktree::Error> {
        let (repository, most) = (&self.parts.repository, self.limits.file_bytes);
        let paths = repository.changed_paths(&self.base, &snapshot.tree).await?;
        let before = texts(repository.read(&self.base, &paths, most).await?);
        let after = texts(repository.read(&snapshot.tree, &paths, most).await?);
        let there = repository.files(&snapshot.tree).await?;
        let left_out = snapshot.left_out.iter().map(|LeftOut { path, why }| Found {
            path: path.clone(),
            before: before.get(path).cloned(),
            after: After::Strange(why.to_string()),
        });
        let is_left_out = |path: &String| snapshot.left_out.iter().any(|out| &out.path == path);
        let found = paths.iter().filter(|path| !is_left_out(path)).map(|path| Found {
            path: path.clone(),
            before: before.get(path).cloned(),
            after: match after.get(path) {
                Some(text) => After::Text(text.clone()),
                None if there.iter().any(|file| &file.path == path) => {
                    After::Strange(format!("it is no text file of at most {most} bytes"))
                }
                None => After::Gone,
            },
        });
        Ok(found.chain(left_out).collect())
    }

    /// Keeps a tree that differs from the base, and writes that down.
    async fn salvage(
        &self,
        snapshot: &Snapshot,
        left: Left,
        transcript: Option<String>,
    ) -> Result<Option<CommitId>, Error> {
        if snapshot.tree == self.base {
            return Ok(None);
        }
        let Purpose { milestone, item, files } = self.purpose.clone();
        let name = format!("{}/{milestone}-{item}", self.run);
        let Left { model, class, reason } = left;
        let who = model.as_ref().map_or("a program".to_owned(), ToString::to_string);
        let message =
            format!("What {who} left of item {item} of milestone {milestone}; not taken\n");
        let intent = CommitIntent {
            tree: snapshot.tree.clone(),
            parent: self.tip.clone(),
            message,
            author: self.author.clone(),
            at: commit_stamp(),
            sign: false,
        };
        let (name, commit) = self.parts.repository.salvage_tree(&name, &intent).await?;
        let reference = format!("refs/belay/salvage/{name}");
        let event = Event::WorkSalvaged {
            milestone,
            item,
            files,
            model,
            class,
            reason,
            reference,
            commit: commit.clone(),
            transcript,
        };
        self.journal.append(event).await?;
        Ok(Some(commit))
    }

    /// The file with what was printed, if it can be written: the work itself is worth more.
    async fn write_down(&self, printed: &str) -> Option<String> {
        if printed.trim().is_empty() {
            return None;
        }
        let Purpose { milestone, item, .. } = &self.purpose;
        let name = |number| self.transcripts.join(format!("{milestone}-{item}-{number}.txt"));
        let path = (1..=MOST_KEPT).map(name).find(|path| path.symlink_metadata().is_err())?;
        let from = printed.ceil_char_boundary(printed.len().saturating_sub(MOST_PRINTED));
        let text = printed.get(from..).unwrap_or_default().to_owned();
        let (folder, file) = (self.transcripts.clone(), path.clone());
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            if folder.symlink_metadata()?.is_symlink() {
                return Err(std::io::Error::other("its folder is a symbolic link"));
            }
            // It may hold what nobody else on the machine is to read.
            let mut open = std::fs::File::options();
            let mut file = open.write(true).create_new(true).mode(0o600).open(file)?;
            file.write_all(text.as_bytes())
        });
        match written.await {
            Ok(Ok(())) => path.to_str().map(str::to_owned),
            Ok(Err(error)) => {
                tracing::warn!(%error, path = %path.display(), "what a program printed is lost");
                None
            }
            Err(_) => None,
        }
    }
}

#[async_trait::async_trait]
impl Place for ItemPlace {
    async fn fresh(&self) -> Result<PathBuf, SourceError> {
        let mut open = self.open.lock().await;
        if let Some(Open { workspace: former, .. }) = open.take() {
            former.remove().await.map_err(|error| unreadable(&error))?;
        }
        // A name of its own: somebody whom an earlier process left behind may know the former one.
        let Purpose { milestone, item, .. } = &self.purpose;
        let path = self.folder.join(format!("{milestone}-{item}-{}", RunId::generate()));
        let workspace = self.parts.repository.workspace(&path, &self.base).await;
        let workspace = workspace.map_err(|error| unreadable(&error))?;
        let made = identity(workspace.path())?;
        *open = Some(Open { workspace, made });
        Ok(path)
    }

    async fn again(&self) -> Result<PathBuf, SourceError> {
        let open = self.open.lock().await;
        let open = open.as_ref().ok_or_else(|| SourceError::new("there is no folder"))?;
        if identity(open.workspace.path())? != open.made {
            return Err(SourceError::new("the folder was put elsewhere"));
        }
        Ok(open.workspace.path().to_owned())
    }

    async fn refusal(&self, changed: &[Found]) -> Option<String> {
        let changes: Vec<ResolvedChange> = changed.iter().filter_map(as_change).collect();
        match refused(&self.parts, &self.onto, &[], &changes).await {
            Ok(refusal) => refusal,
            Err(error) => Some(format!("the changes cannot be looked at: {error}")),
        }
    }

    async fn changed(&self) -> Result<Vec<Found>, SourceError> {
        let snapshot = self.snapshot().await?;
        self.differences(&snapshot).await.map_err(|error| unreadable(&error))
    }

    async fn keep(&self, leaving: Leaving<'_>) -> Option<Kept> {
        let transcript = self.write_down(leaving.transcript).await;
        let left = Left {
            model: Some(leaving.model.clone()),
            class: Some(leaving.class),
            reason: leaving.reason.to_owned(),
        };
        let kept = match self.snapshot().await {
            Ok(snapshot) => self.salvage(&snapshot, left, transcript.clone()).await,
            Err(error) => Err(agents::Failed::from(error).into()),
        };
        match kept {
            Ok(commit) => commit.map(|commit| Kept { commit: commit.to_string(), transcript }),
            Err(error) => {
                tracing::warn!(%error, "what a program left could not be kept");
                None
            }
        }
    }
}

/// A change as the repository is asked about it.
fn as_change(found: &Found) -> Option<ResolvedChange> {
    let after = match &found.after {
        After::Text(text) => Some(text.clone()),
        After::Gone => None,
        After::Strange(_) => return None,
    };
    let (path, before) = (found.path.clone(), found.before.clone());
    Some(ResolvedChange { path, before, after, explanation: String::new(), from: None })
}

/// What tells a folder from one that was put in its place.
fn identity(path: &Path) -> Result<(u64, u64), SourceError> {
    let facts = path.symlink_metadata().map_err(|error| SourceError::new(error.to_string()))?;
    if !facts.is_dir() {
        return Err(SourceError::new("something else is in the folder's place"));
    }
    Ok((facts.dev(), facts.ino()))
}

fn unreadable(error: &worktree::Error) -> SourceError {
    SourceError::new(error.to_string())
}
