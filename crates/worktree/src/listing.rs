//! The entries of a tree as git lists them, and reading of files from it. A
//! tree never changes, so the last few listings are kept, and so are small
//! files, which every coder is shown.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::Error;
use crate::git::Call;
use crate::objects::{Mode, TreeFile, TreeId, is_object_name};
use crate::repository::Repository;

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
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    entries: BTreeMap<String, Entry>,
    /// Nothing was left out or read as something else: the entries alone make
    /// the tree.
    pub(crate) is_whole: bool,
}

impl Deref for Listing {
    type Target = BTreeMap<String, Entry>;

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl Listing {
    /// What it is when these paths hold these entries, or nothing.
    pub(crate) fn with<'a>(
        &self,
        changes: impl Iterator<Item = (&'a str, Option<&'a Entry>)>,
    ) -> Self {
        let mut listing = self.clone();
        for (path, entry) in changes {
            match entry {
                Some(entry) => listing.entries.insert(path.to_owned(), entry.clone()),
                None => listing.entries.remove(path),
            };
        }
        listing
    }
}

/// Lines of `mode SP type SP id SP+ size TAB path NUL`.
fn parse(bytes: &[u8]) -> Result<Listing, Error> {
    let mut listing = Listing { entries: BTreeMap::new(), is_whole: true };
    for line in bytes.split(|&b| b == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|&b| b == b'\t');
        let (facts, path) = line.split_at(tab.unwrap_or(line.len()));
        let Ok(path) = std::str::from_utf8(path.get(1..).unwrap_or_default()) else {
            tracing::debug!("a path that is not UTF-8 is passed over");
            listing.is_whole = false;
            continue;
        };
        let facts = std::str::from_utf8(facts).unwrap_or_default();
        let entry = parse_facts(facts).ok_or_else(|| Error::Unreadable {
            command: "ls-tree".to_owned(),
            what: format!("mode, type, name and size of {path:?}"),
        })?;
        listing.is_whole &= facts.starts_with(entry.mode.octal());
        listing.entries.insert(path.to_owned(), entry);
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
    pub(crate) async fn listing(&self, tree: &TreeId) -> Result<Arc<Listing>, Error> {
        self.caller().check_cancelled()?;
        let listings = &self.known().listings;
        if let Some(known) = listings.get(tree) {
            return Ok(known);
        }
        let _fetching = self.caller().unless_cancelled(self.known().fetching.lock()).await?;
        if let Some(known) = listings.get(tree) {
            return Ok(known);
        }
        let args = ["ls-tree", "-r", "-z", "-l", "--full-tree", tree.as_str()];
        let listing = Arc::new(parse(&self.caller().bytes(&Call::new(&args)).await?)?);
        listings.put(tree.clone(), Arc::clone(&listing));
        Ok(listing)
    }

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
        let mut wanted: Vec<(&String, &Entry)> = paths
            .iter()
            .filter_map(|path| listing.get_key_value(path))
            .filter(|(_, entry)| entry.mode.is_file() && entry.size <= max_bytes)
            .collect();
        let mut contents = BTreeMap::new();
        self.take_known(&mut wanted, &mut contents);
        if wanted.is_empty() {
            return Ok(contents);
        }
        let _fetching = self.caller().unless_cancelled(self.known().fetching.lock()).await?;
        self.take_known(&mut wanted, &mut contents);
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_length(rest));
            let blobs = self.blobs(batch.iter().map(|(_, entry)| *entry)).await?;
            for ((path, entry), blob) in batch.iter().zip(blobs) {
                self.known().blobs.put(&entry.id, &blob);
                contents.insert((*path).clone(), blob);
            }
            rest = later;
        }
        Ok(contents)
    }

    /// Moves those whose content is known from one to the other.
    fn take_known(
        &self,
        wanted: &mut Vec<(&String, &Entry)>,
        contents: &mut BTreeMap<String, Vec<u8>>,
    ) {
        wanted.retain(|(path, entry)| {
            let known = self.known().blobs.get(&entry.id);
            let is_unknown = known.is_none();
            contents.extend(known.map(|content| ((*path).clone(), content.to_vec())));
            is_unknown
        });
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
    fn a_listing_that_is_not_the_tree_knows_it() {
        let id = "a".repeat(40);
        let is_whole = |line: &[u8]| {
            let text = [line, b"\0"].concat();
            parse(&text).unwrap().is_whole
        };
        assert!(is_whole(format!("100644 blob {id} 1\ta").as_bytes()));
        assert!(!is_whole(format!("100664 blob {id} 1\ta").as_bytes()));
        assert!(!is_whole(&[format!("100644 blob {id} 1\t").as_bytes(), b"\xff"].concat()));
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
