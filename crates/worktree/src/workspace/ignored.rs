//! What git would ignore by the rules of a tree: its `.gitignore` files as they
//! were before a program began, never as they lie there now, with what the
//! person's own repository and config exclude besides. So a program can
//! neither hide what it made nor bring out a folder of build results.
//!
//! git itself decides, in a folder of ours that holds only these files and the
//! folders that are asked for: a rule may hold for folders alone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::Call;
use crate::listing::Listing;
use crate::objects::TreeId;
use crate::repository::Repository;

/// The file that git reads rules from, in any folder.
const FILE: &str = ".gitignore";

/// A file of rules with more bytes than this has none.
const MOST_RULES: u64 = 1024 * 1024;

/// The rules of one tree.
pub(super) struct Rules<'a> {
    repository: &'a Repository,
    /// Stands for the top of the tree.
    folder: PathBuf,
}

impl<'a> Rules<'a> {
    /// Written to a folder of ours that does not exist yet.
    pub(super) async fn of(
        repository: &'a Repository,
        tree: &TreeId,
        listing: &Listing,
        folder: PathBuf,
    ) -> Result<Self, Error> {
        std::fs::create_dir(&folder).map_err(at(&folder))?;
        let is_named = |path: &&String| path.rsplit('/').next() == Some(FILE);
        let files: Vec<String> = listing.keys().filter(is_named).cloned().collect();
        for (path, content) in repository.read(tree, &files, MOST_RULES).await? {
            let Some(file) = below(&folder, path.as_bytes()) else {
                continue;
            };
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).map_err(at(parent))?;
            }
            std::fs::write(&file, content).map_err(at(file))?;
        }
        Ok(Self { repository, folder })
    }

    /// Which of these paths, folders (true) or not, are ignored.
    pub(super) async fn ignored(
        &self,
        paths: impl Iterator<Item = (&[u8], bool)>,
    ) -> Result<BTreeSet<Vec<u8>>, Error> {
        let mut asked = Vec::new();
        for (path, is_folder) in paths {
            if is_folder && let Some(folder) = below(&self.folder, path) {
                // Where a file of rules stands git sees a file.
                if let Err(error) = std::fs::create_dir_all(&folder) {
                    tracing::debug!(%error, folder = %folder.display(), "asked for as a file");
                }
            }
            // Not a pattern, whatever it begins with.
            asked.extend(b"./");
            asked.extend(path);
            asked.push(0);
        }
        if asked.is_empty() {
            return Ok(BTreeSet::new());
        }
        let git_dir = utf8(self.repository.git_dir())?;
        let folder = utf8(&self.folder)?;
        let call = Call::new(&["check-ignore", "--no-index", "-z", "--stdin"])
            .dir(&self.folder)
            .env("GIT_DIR", git_dir)
            .env("GIT_WORK_TREE", folder)
            // This command knows no others.
            .env("GIT_LITERAL_PATHSPECS", "0")
            .stdin(asked);
        let Some(output) = self.repository.caller().ask(&call).await? else {
            return Ok(BTreeSet::new());
        };
        if output.stdout.dropped > 0 {
            return Err(Error::Unreadable {
                command: "check-ignore".to_owned(),
                what: "a whole list".to_owned(),
            });
        }
        let said = output.stdout.bytes.split(|&byte| byte == 0);
        Ok(said.filter_map(|path| path.strip_prefix(b"./")).map(<[u8]>::to_vec).collect())
    }
}

/// Where this is below a folder of ours; `None` if it leads out of it.
fn below(folder: &Path, path: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    is_inside.then(|| folder.join(path))
}
