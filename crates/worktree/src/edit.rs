//! Changes to a tree, all of them or none: the new tree is built beside the old
//! one, in the object database, through an index of its own. Nothing exists
//! that a failure halfway could leave half changed, and neither the person's
//! index nor any file on disk is touched.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::attributes::changes_attributes;
use crate::clock;
use crate::error::{Error, at};
use crate::fitting::{check_against, check_renames};
use crate::git::Call;
use crate::guard::{Guard, Refusal, check_form};
use crate::listing::{Entry, Listing};
use crate::objects::{FileWrite, Mode, TreeId, is_object_name};
use crate::repository::{Repository, tree_id};

/// An index of ours that is older belongs to a process that was killed.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// A tree with no more entries than this is told to an index in full, which
/// saves reading it into one first.
const MOST_TOLD: usize = 2000;

/// One line for `update-index --index-info`; `None` removes.
pub(crate) struct Staged<'a> {
    pub(crate) path: &'a str,
    pub(crate) entry: Option<Entry>,
}

impl Repository {
    /// The tree without these paths; those that it does not have change nothing.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such tree; `Cancelled`.
    pub async fn tree_without(&self, tree: &TreeId, paths: &[String]) -> Result<TreeId, Error> {
        if paths.is_empty() {
            return Ok(tree.clone());
        }
        let scratch = self.scratch()?;
        let listing = self.listing(tree).await?;
        let staged: Vec<Staged<'_>> =
            paths.iter().map(|path| Staged { path, entry: None }).collect();
        self.staged_tree(scratch.path(), (tree, &*listing), &staged).await
    }

    /// The tree that `onto` becomes with these writes. Every path is checked
    /// against the guard and the tree before anything is written: no link or
    /// submodule is replaced or passed through, no file stands where a folder
    /// is needed or the other way round, no path differs from another only in
    /// case, what is to be deleted exists, and a renamed file comes from one
    /// that is deleted. Nothing is written to files that the tree keeps through
    /// a filter, and which filters, drivers and encodings there are does not
    /// change. Content is stored byte for byte. Existing and renamed files keep
    /// their mode; a new one is executable if it begins with `#!`.
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
        let listing = self.checked(onto, writes, guard).await?;
        let scratch = self.scratch()?;
        let contents: Vec<&[u8]> =
            writes.iter().filter_map(|write| write.content.as_deref()).collect();
        let mut stored = self.store_blobs(scratch.path(), &contents).await?.into_iter();
        let mut staged = Vec::with_capacity(writes.len());
        for write in writes {
            let former = listing.get(write.from.as_ref().unwrap_or(&write.path));
            let entry = match (&write.content, &write.from) {
                (Some(content), _) => stored.next().map(|id| Entry {
                    mode: former.map_or_else(|| mode_of_new(content), |entry| entry.mode),
                    id,
                    size: content.len() as u64,
                }),
                (None, Some(_)) => former.cloned(),
                (None, None) => None,
            };
            staged.push(Staged { path: &write.path, entry });
        }
        let tree = self.staged_tree(scratch.path(), (onto, &listing), &staged).await?;
        self.check_effect((onto, &listing), &tree, writes).await?;
        Ok(tree)
    }

    /// Whether `write_tree` would refuse these writes, by the same rules and in
    /// the same order, and as a rule without writing anything. (What a change
    /// to `.gitattributes` does to other files is asked of the tree that it
    /// makes, which then is made.)
    ///
    /// # Errors
    ///
    /// As `write_tree`.
    pub async fn check_writes(
        &self,
        onto: &TreeId,
        writes: &[FileWrite],
        guard: &Guard,
    ) -> Result<(), Error> {
        if changes_attributes(writes) {
            return self.write_tree(onto, writes, guard).await.map(drop);
        }
        self.checked(onto, writes, guard).await.map(drop)
    }

    /// Everything that can be told before the new tree is there: what `onto`
    /// holds, if the writes may be made to it.
    async fn checked(
        &self,
        onto: &TreeId,
        writes: &[FileWrite],
        guard: &Guard,
    ) -> Result<Arc<Listing>, Error> {
        for write in writes {
            guard.check_path(&write.path)?;
            let size = write.content.as_ref().map_or(0, Vec::len);
            guard.check_size(&write.path, size)?;
        }
        let listing = self.listing(onto).await?;
        let is_kept = |write: &FileWrite| write.content.is_some() || write.from.is_some();
        let planned: Vec<(&str, bool)> =
            writes.iter().map(|write| (write.path.as_str(), is_kept(write))).collect();
        check_against(&listing, &planned)?;
        check_renames(&listing, writes)?;
        self.check_before(onto, &listing, writes).await?;
        self.check_attributes(onto, &listing, writes).await?;
        Ok(listing)
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
        let staged =
            [Staged { path: from, entry: None }, Staged { path: to, entry: Some(entry.clone()) }];
        let scratch = self.scratch()?;
        self.staged_tree(scratch.path(), (onto, &listing), &staged).await
    }

    async fn check_before(
        &self,
        onto: &TreeId,
        listing: &Listing,
        writes: &[FileWrite],
    ) -> Result<(), Error> {
        let another = |write: &FileWrite| {
            let why = "is not what the change was made for";
            Error::from(Refusal::new(&write.path, why))
        };
        let mut paths = Vec::new();
        for write in writes {
            let Some(before) = &write.before else {
                continue;
            };
            // By its size first, so that no large file is read for nothing.
            match listing.get(&write.path) {
                Some(entry) if entry.size == before.len() as u64 => paths.push(write.path.clone()),
                _ => return Err(another(write)),
            }
        }
        let found = self.read(onto, &paths, u64::MAX).await?;
        let differs = |write: &&FileWrite| {
            write.before.is_some() && found.get(&write.path) != write.before.as_ref()
        };
        writes.iter().find(differs).map_or(Ok(()), |write| Err(another(write)))
    }

    /// The names of the blobs with these contents, in order.
    async fn store_blobs(&self, scratch: &Path, contents: &[&[u8]]) -> Result<Vec<String>, Error> {
        const HASH: [&str; 3] = ["hash-object", "-w", "--no-filters"];
        let scratch = utf8(scratch)?;
        let mut ids = Vec::with_capacity(contents.len());
        if let ([_], _) | (_, true) = (contents, scratch.contains('\n')) {
            for content in contents {
                let call = Call::new(&[HASH.as_slice(), &["--stdin"]].concat()).stdin(*content);
                ids.push(self.caller().line(&call).await?);
            }
        } else if !contents.is_empty() {
            // By way of files: a process for each would take longer.
            let mut names = String::new();
            for (number, content) in contents.iter().enumerate() {
                let name = format!("{scratch}/{number}");
                std::fs::write(&name, content).map_err(at(&name))?;
                names.push_str(&name);
                names.push('\n');
            }
            let call = Call::new(&[HASH.as_slice(), &["--stdin-paths"]].concat()).stdin(names);
            ids.extend(self.caller().line(&call).await?.lines().map(str::to_owned));
        }
        if ids.len() != contents.len() || !ids.iter().all(|id| is_object_name(id)) {
            return Err(Error::Unreadable {
                command: "hash-object".to_owned(),
                what: format!("the names of {} blobs", contents.len()),
            });
        }
        for (id, content) in ids.iter().zip(contents) {
            self.known().blobs.put(id, content);
        }
        Ok(ids)
    }

    /// The tree that another one becomes with these entries, made in a folder of
    /// ours.
    pub(crate) async fn staged_tree(
        &self,
        scratch: &Path,
        (onto, listing): (&TreeId, &Listing),
        staged: &[Staged<'_>],
    ) -> Result<TreeId, Error> {
        if staged.is_empty() {
            return Ok(onto.clone());
        }
        let changes = || staged.iter().map(|staged| (staged.path, staged.entry.as_ref()));
        let result = listing.with(changes());
        let index = scratch.join("index");
        let index = utf8(&index)?;
        let call = |args: &[&'static str]| Call::new(args).env("GIT_INDEX_FILE", index);
        let told = if listing.is_whole && listing.len() <= MOST_TOLD {
            index_info(onto, &result.iter().map(|(path, entry)| (path.as_str(), Some(entry))))
        } else {
            let read = Call::new(&["read-tree", onto.as_str()]).env("GIT_INDEX_FILE", index);
            self.caller().run(&read).await?;
            index_info(onto, &changes())
        };
        let update = call(&["update-index", "-z", "--index-info"]).stdin(told);
        self.caller().run(&update).await?;
        let tree = self.caller().line(&call(&["write-tree"])).await?;
        let tree = tree_id("write-tree", &tree)?;
        self.known().listings.put(tree.clone(), Arc::new(result));
        Ok(tree)
    }

    /// A folder of ours in the git directory, gone when the value is.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir, Error> {
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
pub(crate) fn index_info<'a>(
    onto: &TreeId,
    staged: &(impl Iterator<Item = (&'a str, Option<&'a Entry>)> + Clone),
) -> String {
    let none = "0".repeat(onto.as_str().len());
    let removals = staged
        .clone()
        .filter(|(_, entry)| entry.is_none())
        .map(|(path, _)| format!("0 {none}\t{path}\0"));
    let additions = staged.clone().filter_map(|(path, entry)| {
        let Entry { mode, id, .. } = entry?;
        Some(format!("{} {id}\t{path}\0", mode.octal()))
    });
    removals.chain(additions).collect()
}

fn mode_of_new(content: &[u8]) -> Mode {
    if content.starts_with(b"#!") { Mode::Executable } else { Mode::Regular }
}
