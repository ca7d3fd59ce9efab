//! Changes to a tree, all of them or none: the new tree is built beside the old
//! one, in the object database, through an index of its own. Nothing exists
//! that a failure halfway could leave half changed, and neither the person's
//! index nor any file on disk is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::clock;
use crate::error::{Error, at};
use crate::git::Call;
use crate::guard::{Guard, Refusal, check_form, folders};
use crate::listing::Listing;
use crate::objects::{FileWrite, Mode, TreeId};
use crate::repository::{Repository, tree_id};

/// An index of ours that is older belongs to a process that was killed.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// One line for `update-index --index-info`; `None` removes.
struct Staged<'a> {
    path: &'a str,
    entry: Option<(Mode, String)>,
}

impl Repository {
    /// The tree that `onto` becomes with these writes. Every path is checked
    /// against the guard and the tree before anything is written: no link or
    /// submodule is replaced or passed through, no file stands where a folder
    /// is needed or the other way round, no path differs from another only in
    /// case, and what is to be deleted exists. Content is stored byte for byte.
    /// Existing files keep their mode; a new one is executable if it begins
    /// with `#!`.
    ///
    /// # Errors
    ///
    /// `Refused` with the first path that may not be written; nothing is
    /// changed by any error.
    pub async fn write_tree(
        &self,
        onto: &TreeId,
        writes: &[FileWrite],
        guard: &Guard,
    ) -> Result<TreeId, Error> {
        for write in writes {
            guard.check_path(&write.path)?;
            let size = write.content.as_ref().map_or(0, Vec::len);
            guard.check_size(&write.path, size)?;
        }
        let listing = self.listing(onto).await?;
        let planned: Vec<(&str, bool)> =
            writes.iter().map(|write| (write.path.as_str(), write.content.is_some())).collect();
        check_against(&listing, &planned)?;
        self.check_before(onto, writes).await?;
        let mut staged = Vec::with_capacity(writes.len());
        for write in writes {
            let entry = match &write.content {
                Some(content) => {
                    let kept = listing.get(&write.path).map(|entry| entry.mode);
                    let mode = kept.unwrap_or_else(|| mode_of_new(content));
                    Some((mode, self.store_blob(content).await?))
                }
                None => None,
            };
            staged.push(Staged { path: &write.path, entry });
        }
        self.staged_tree(onto, &staged).await
    }

    /// The tree that `onto` becomes when one file is moved, with content and
    /// mode. Exempt from any guard's deny list, not from the other checks.
    ///
    /// # Errors
    ///
    /// `Refused` if there is no such file or the new path is taken or unfit.
    pub async fn move_file(&self, onto: &TreeId, from: &str, to: &str) -> Result<TreeId, Error> {
        check_form(from)?;
        check_form(to)?;
        let listing = self.listing(onto).await?;
        let Some(entry) = listing.get(from) else {
            return Err(Refusal::new(from, "does not exist").into());
        };
        if listing.contains_key(to) {
            return Err(Refusal::new(to, "exists already").into());
        }
        check_against(&listing, &[(from, false), (to, true)])?;
        let staged = [
            Staged { path: from, entry: None },
            Staged { path: to, entry: Some((entry.mode, entry.id.clone())) },
        ];
        self.staged_tree(onto, &staged).await
    }

    async fn check_before(&self, onto: &TreeId, writes: &[FileWrite]) -> Result<(), Error> {
        let checked: Vec<&FileWrite> =
            writes.iter().filter(|write| write.before.is_some()).collect();
        let paths: Vec<String> = checked.iter().map(|write| write.path.clone()).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let found = self.read(onto, &paths, u64::MAX).await?;
        for write in checked {
            if found.get(&write.path) != write.before.as_ref() {
                let why = "is not what the change was made for";
                return Err(Refusal::new(&write.path, why).into());
            }
        }
        Ok(())
    }

    async fn store_blob(&self, content: &[u8]) -> Result<String, Error> {
        let call = Call::new(&["hash-object", "-w", "--stdin", "--no-filters"]).stdin(content);
        self.caller().line(&call).await
    }

    async fn staged_tree(&self, onto: &TreeId, staged: &[Staged<'_>]) -> Result<TreeId, Error> {
        if staged.is_empty() {
            return Ok(onto.clone());
        }
        let scratch = self.scratch()?;
        let index = scratch.path().join("index");
        let index = utf8(&index)?;
        let call = |args: &[&'static str]| Call::new(args).env("GIT_INDEX_FILE", index);
        let read = Call::new(&["read-tree", onto.as_str()]).env("GIT_INDEX_FILE", index);
        self.caller().run(&read).await?;
        let update = call(&["update-index", "-z", "--index-info"]).stdin(index_info(onto, staged));
        self.caller().run(&update).await?;
        let tree = self.caller().line(&call(&["write-tree"])).await?;
        tree_id("write-tree", &tree)
    }

    /// A folder of ours in the git directory, gone when the value is.
    fn scratch(&self) -> Result<tempfile::TempDir, Error> {
        let parent = self.git_dir().join("belay").join("scratch");
        std::fs::create_dir_all(&parent).map_err(at(&parent))?;
        sweep(&parent);
        tempfile::Builder::new().prefix("index-").tempdir_in(&parent).map_err(at(&parent))
    }
}

/// Removes what killed processes left: an index lives for seconds. Failing to
/// is no reason to fail.
fn sweep(scratch: &Path) {
    let Ok(entries) = std::fs::read_dir(scratch) else {
        return;
    };
    for entry in entries.flatten() {
        let is_old = entry
            .metadata()
            .and_then(|facts| facts.modified())
            .is_ok_and(|modified| clock::age(modified) > FORGOTTEN);
        if is_old && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::debug!(path = %entry.path().display(), %error, "scratch folder not removed");
        }
    }
}

pub(crate) fn utf8(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Io {
        path: path.to_owned(),
        source: std::io::Error::other("the path is not UTF-8"),
    })
}

/// Removals first: a file may make room for a folder of its name.
fn index_info(onto: &TreeId, staged: &[Staged<'_>]) -> String {
    let none = "0".repeat(onto.as_str().len());
    let removals = staged
        .iter()
        .filter(|staged| staged.entry.is_none())
        .map(|staged| format!("0 {none}\t{}\0", staged.path));
    let additions = staged.iter().filter_map(|staged| {
        let (mode, id) = staged.entry.as_ref()?;
        Some(format!("{} {id}\t{}\0", mode.octal(), staged.path))
    });
    removals.chain(additions).collect()
}

fn mode_of_new(content: &[u8]) -> Mode {
    if content.starts_with(b"#!") { Mode::Executable } else { Mode::Regular }
}

/// Checks planned paths (true: written, false: deleted) against the tree and
/// each other.
fn check_against(listing: &Listing, planned: &[(&str, bool)]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for (path, _) in planned {
        if !seen.insert(path.to_lowercase()) {
            return Err(Refusal::new(path, "is named twice in one change"));
        }
    }
    for &(path, written) in planned {
        match listing.get(path).map(|entry| entry.mode) {
            Some(Mode::Symlink) => return Err(Refusal::new(path, "is a symbolic link")),
            Some(Mode::Submodule) => return Err(Refusal::new(path, "is a submodule")),
            None if !written => return Err(Refusal::new(path, "does not exist")),
            _ => {}
        }
        for folder in folders(path) {
            match listing.get(folder).map(|entry| entry.mode) {
                Some(Mode::Symlink) => {
                    return Err(Refusal::new(path, format!("leads through the link {folder}")));
                }
                Some(Mode::Submodule) => {
                    return Err(Refusal::new(path, format!("lies in the submodule {folder}")));
                }
                _ => {}
            }
        }
    }
    check_result(listing, planned)
}

/// What the tree would hold afterwards must fit together, also on a file
/// system that does not tell cases apart. Twins that were there before are the
/// person's own affair.
fn check_result(listing: &Listing, planned: &[(&str, bool)]) -> Result<(), Refusal> {
    let deleted: BTreeSet<&str> =
        planned.iter().filter(|(_, written)| !written).map(|(path, _)| *path).collect();
    let staying = listing.keys().map(String::as_str).filter(|path| !deleted.contains(path));
    // Lower case to (spelling, is a folder), files and folders alike.
    let mut names: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    for path in staying {
        for folder in folders(path) {
            names.entry(folder.to_lowercase()).or_insert((folder, true));
        }
        names.entry(path.to_lowercase()).or_insert((path, false));
    }
    let new = planned.iter().filter(|(path, written)| *written && !listing.contains_key(*path));
    for (path, _) in new {
        for (name, is_folder) in folders(path).map(|f| (f, true)).chain([(*path, false)]) {
            let (spelling, was_folder) =
                *names.entry(name.to_lowercase()).or_insert((name, is_folder));
            if spelling != name {
                let why = format!("differs from {spelling} only in case");
                return Err(Refusal::new(path, why));
            }
            if was_folder && !is_folder {
                return Err(Refusal::new(path, "is a folder"));
            }
            if !was_folder && is_folder {
                return Err(Refusal::new(path, format!("needs {name} to be a folder")));
            }
        }
    }
    Ok(())
}
