//! The entries of a tree as git lists them, and reading of files from it. A
//! tree never changes, so the last few listings are kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::git::{Call, Caller};
use crate::objects::{Mode, TreeFile, TreeId, is_object_name};
use crate::repository::Repository;

/// How many listings are kept: the run's base and the latest of its own trees.
const KEPT: usize = 4;

/// How much is asked of one `cat-file`.
const BATCH_BYTES: u64 = 32 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: Mode,
    pub(crate) id: String,
    pub(crate) size: u64,
}

/// All entries of a tree by path. Paths that are not UTF-8 are not in it: no
/// model can name them, and they stay in trees as they are.
pub(crate) type Listing = BTreeMap<String, Entry>;

#[derive(Debug, Default)]
pub(crate) struct Listings(Mutex<VecDeque<(TreeId, Arc<Listing>)>>);

impl Listings {
    pub(crate) async fn of(&self, caller: &Caller, tree: &TreeId) -> Result<Arc<Listing>, Error> {
        if let Some(known) = self.known(tree) {
            return Ok(known);
        }
        let args = ["ls-tree", "-r", "-z", "-l", "--full-tree", tree.as_str()];
        let listing = Arc::new(parse(&caller.bytes(&Call::new(&args)).await?)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front((tree.clone(), Arc::clone(&listing)));
        Ok(listing)
    }

    fn known(&self, tree: &TreeId) -> Option<Arc<Listing>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(id, _)| id == tree).map(|(_, listing)| Arc::clone(listing))
    }
}

/// Lines of `mode SP type SP id SP+ size TAB path NUL`.
fn parse(bytes: &[u8]) -> Result<Listing, Error> {
    let mut listing = Listing::new();
    for line in bytes.split(|&b| b == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|&b| b == b'\t');
        let (facts, path) = line.split_at(tab.unwrap_or(line.len()));
        let Ok(path) = std::str::from_utf8(path.get(1..).unwrap_or_default()) else {
            tracing::debug!("a path that is not UTF-8 is passed over");
            continue;
        };
        let entry = std::str::from_utf8(facts).ok().and_then(parse_facts);
        let entry = entry.ok_or_else(|| Error::Unreadable {
            command: "ls-tree".to_owned(),
            what: format!("mode, type, name and size of {path:?}"),
        })?;
        listing.insert(path.to_owned(), entry);
    }
    Ok(listing)
}

fn parse_facts(facts: &str) -> Option<Entry> {
    let mut facts = facts.split_ascii_whitespace();
    let mode = Mode::from_octal(facts.next()?)?;
    let _kind = facts.next()?;
    let id = facts.next().filter(|id| is_object_name(id))?.to_owned();
    let size = match facts.next()? {
        "-" => 0,
        size => size.parse().ok()?,
    };
    Some(Entry { mode, id, size })
}

impl Repository {
    /// Every file, link and submodule of a tree, by path.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such tree.
    pub async fn files(&self, tree: &TreeId) -> Result<Vec<TreeFile>, Error> {
        let listing = self.listing(tree).await?;
        Ok(listing
            .iter()
            .map(|(path, entry)| TreeFile {
                path: path.clone(),
                mode: entry.mode,
                size: entry.size,
            })
            .collect())
    }

    /// The content of files of a tree, as it is stored. Paths that are missing,
    /// larger than `max_bytes`, or no files (links, submodules) are absent.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such tree or an object is missing.
    pub async fn read(
        &self,
        tree: &TreeId,
        paths: &[String],
        max_bytes: u64,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let listing = self.listing(tree).await?;
        let wanted: Vec<(&String, &Entry)> = paths
            .iter()
            .filter_map(|path| listing.get_key_value(path))
            .filter(|(_, entry)| entry.mode.is_file() && entry.size <= max_bytes)
            .collect();
        let mut contents = BTreeMap::new();
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_length(rest));
            let blobs = self.blobs(batch.iter().map(|(_, entry)| *entry)).await?;
            contents.extend(batch.iter().map(|(path, _)| (*path).clone()).zip(blobs));
            rest = later;
        }
        Ok(contents)
    }

    async fn blobs<'a>(
        &self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let ids: Vec<&str> = entries.map(|entry| entry.id.as_str()).collect();
        let call = Call::new(&["cat-file", "--batch"]).stdin(ids.join("\n") + "\n");
        let bytes = self.caller().bytes(&call).await?;
        let mut rest = bytes.as_slice();
        let mut blobs = Vec::with_capacity(ids.len());
        for id in ids {
            let (blob, later) = take_blob(rest, id).ok_or_else(|| Error::Unreadable {
                command: "cat-file".to_owned(),
                what: format!("the content of blob {id}"),
            })?;
            blobs.push(blob.to_vec());
            rest = later;
        }
        Ok(blobs)
    }
}

/// How many of them fit into one batch, at least one.
fn batch_length(entries: &[(&String, &Entry)]) -> usize {
    let mut total = 0_u64;
    let fitting = entries.iter().take_while(|(_, entry)| {
        total = total.saturating_add(entry.size);
        total <= BATCH_BYTES
    });
    fitting.count().max(1)
}

/// Takes `ID SP blob SP SIZE LF CONTENT LF` off the front.
fn take_blob<'a>(bytes: &'a [u8], id: &str) -> Option<(&'a [u8], &'a [u8])> {
    let end = bytes.iter().position(|&b| b == b'\n')?;
    let header = std::str::from_utf8(&bytes[..end]).ok()?;
    let size: usize = header.strip_prefix(id)?.strip_prefix(" blob ")?.parse().ok()?;
    let bytes = &bytes[end + 1..];
    let content = bytes.get(..size)?;
    Some((content, bytes.get(size + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_lines_of_all_kinds_are_read() {
        let id = "a".repeat(40);
        let text = format!(
            "100644 blob {id}      12\tsrc/with space.rs\0\
             100755 blob {id}       3\ttab\tname\0\
             120000 blob {id}       4\tlink\0\
             160000 commit {id}       -\tsub\0"
        );
        let listing = parse(text.as_bytes()).unwrap();
        let seen: Vec<_> =
            listing.iter().map(|(path, entry)| (path.as_str(), entry.mode, entry.size)).collect();
        assert_eq!(
            seen,
            [
                ("link", Mode::Symlink, 4),
                ("src/with space.rs", Mode::Regular, 12),
                ("sub", Mode::Submodule, 0),
                ("tab\tname", Mode::Executable, 3),
            ]
        );
    }

    #[test]
    fn a_listing_that_is_cut_or_strange_is_an_error() {
        assert!(parse(b"100644 blob aaaa 1\tx\0").is_err());
        assert!(parse(b"100644 blob").is_err());
        assert!(parse(b"").unwrap().is_empty());
    }

    #[test]
    fn a_blob_shorter_than_announced_is_not_taken() {
        let id = "a".repeat(40);
        let whole = format!("{id} blob 3\nabc\nrest");
        let (blob, rest) = take_blob(whole.as_bytes(), &id).unwrap();
        assert_eq!((blob, rest), (b"abc".as_slice(), b"rest".as_slice()));
        assert!(take_blob(format!("{id} blob 9\nabc\n").as_bytes(), &id).is_none());
        assert!(take_blob(format!("{id} missing\n").as_bytes(), &id).is_none());
    }
}
