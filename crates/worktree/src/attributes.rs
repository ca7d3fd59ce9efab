//! Attributes: which programs and encodings git puts between a file's content
//! in the tree and the file that a person sees. A change that sets them makes
//! git run a program or show another content than was reviewed, and content
//! written to a file that is kept through a filter (as with large-file
//! storage) is content that the filter never made.
//!
//! They are read from the tree, never from the person's checkout, which may
//! stand elsewhere; what the person's own config says about attributes counts
//! besides, as it does for git.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::edit::{index_info, utf8};
use crate::error::Error;
use crate::git::Call;
use crate::guard::Refusal;
use crate::listing::Listing;
use crate::objects::{FileWrite, TreeId};
use crate::repository::Repository;

mod lines;

/// The file that git reads attributes from, in any folder.
const FILE: &str = ".gitattributes";

/// The file that tells large-file storage which server to ask.
const STORAGE: &str = ".lfsconfig";

/// The attribute for files that a command of the project makes.
const GENERATED: &str = "linguist-generated";

/// The attributes that put a program or an encoding between a file and its
/// content.
const TRANSFORMING: [&str; 4] = ["filter", "diff", "merge", "working-tree-encoding"];

/// A file of attributes with more bytes than this is left to git.
const MOST_LOOKED_AT: u64 = 1024 * 1024;

/// Attributes by path and name; those that nothing is said about are absent.
type Attributes = BTreeMap<(String, String), String>;

impl Repository {
    /// Of these paths those that a command of the project makes, as the tree's
    /// attributes say (`linguist-generated`). Lockfiles, which are known by
    /// their names, are not looked for.
    ///
    /// # Errors
    ///
    /// `Git` if there is no such tree, `Cancelled`.
    pub async fn generated(
        &self,
        tree: &TreeId,
        paths: &[String],
    ) -> Result<BTreeSet<String>, Error> {
        let listing = self.listing(tree).await?;
        let wanted = paths.iter().map(String::as_str).filter(|path| !path.contains('\0'));
        let found = self.attributes(tree, &listing, wanted, &[GENERATED]).await?;
        let is_said = |(_, value): &(_, String)| matches!(value.as_str(), "set" | "true");
        Ok(found.into_iter().filter(is_said).map(|((path, _), _)| path).collect())
    }

    /// Refuses content for a file that the tree keeps through a filter, a move
    /// into or out of one, and changes to which filters, drivers and encodings
    /// there are.
    pub(crate) async fn check_attributes(
        &self,
        onto: &TreeId,
        listing: &Listing,
        writes: &[FileWrite],
    ) -> Result<(), Error> {
        if let Some(write) = writes.iter().find(|write| is_named(&write.path, STORAGE)) {
            let why = "decides where large-file storage fetches from, which a person must";
            return Err(Refusal::new(&write.path, why).into());
        }
        self.check_filters(onto, listing, writes).await?;
        if changes_attributes(writes) {
            self.check_lines(onto, writes).await?;
        }
        Ok(())
    }

    async fn check_filters(
        &self,
        onto: &TreeId,
        listing: &Listing,
        writes: &[FileWrite],
    ) -> Result<(), Error> {
        let kept: Vec<&FileWrite> =
            writes.iter().filter(|write| write.content.is_some() || write.from.is_some()).collect();
        // Collected: what asks may have to be moved between threads.
        let paths: Vec<&str> = kept
            .iter()
            .flat_map(|write| write.from.iter().chain([&write.path]))
            .map(String::as_str)
            .collect();
        let found = self.attributes(onto, listing, paths.into_iter(), &["filter"]).await?;
        let filter = |path: &str| {
            let said = found.get(&(path.to_owned(), "filter".to_owned()));
            said.filter(|value| names_a_program(value))
        };
        for write in kept {
            let here = filter(&write.path);
            let there = write.from.as_deref().map(filter);
            let why = match (here, there) {
                (Some(name), _) if write.content.is_some() => {
                    format!("is kept through the filter {name}: what it holds cannot be written")
                }
                (_, Some(Some(name))) if write.content.is_some() => {
                    format!("is a file renamed that is kept through the filter {name}")
                }
                (here, Some(there)) if here != there => {
                    let name = here.or(there).map_or("", String::as_str);
                    format!("cannot be moved into or out of the filter {name}")
                }
                _ => continue,
            };
            return Err(Refusal::new(&write.path, why).into());
        }
        Ok(())
    }

    /// Compares what the changed files say about filters, drivers and encodings
    /// with what they said before.
    async fn check_lines(&self, onto: &TreeId, writes: &[FileWrite]) -> Result<(), Error> {
        let changed: Vec<&FileWrite> =
            writes.iter().filter(|write| is_named(&write.path, FILE)).collect();
        let origins = changed.iter().filter_map(|write| write.from.clone());
        let paths: Vec<String> = changed
            .iter()
            .map(|write| write.path.clone())
            .chain(origins)
            .chain([FILE.into()])
            .collect();
        let before = self.read(onto, &paths, u64::MAX).await?;
        let text = |path: &str| before.get(path).map_or(&b""[..], Vec::as_slice);
        let after = |write: &FileWrite| match (&write.content, &write.from) {
            (Some(content), _) => content.clone(),
            (None, Some(from)) => text(from).to_vec(),
            (None, None) => Vec::new(),
        };
        // Macros count wherever they are used, and stand in the topmost file.
        let top = changed.iter().find(|write| write.path == FILE);
        let old = lines::Macros::of(text(FILE));
        let new = top.map_or_else(|| old.clone(), |write| lines::Macros::of(&after(write)));
        let macros = old.and(&new);
        for write in changed {
            let was = macros.transforming(text(&write.path));
            let is = macros.transforming(&after(write));
            if was == is {
                continue;
            }
            let line = is.iter().find(|line| !was.contains(line)).or(was.first());
            let line = line.cloned().unwrap_or_default();
            let why = format!("changes which filters, drivers or encodings git uses: {line:?}");
            return Err(Refusal::new(&write.path, why).into());
        }
        Ok(())
    }

    /// Refuses a change to attributes after which a file that stayed is seen
    /// through another filter, driver or encoding: what the lines alone do not
    /// show, since the person's own config defines macros too.
    pub(crate) async fn check_effect(
        &self,
        (onto, listing): (&TreeId, &Listing),
        result: &TreeId,
        writes: &[FileWrite],
    ) -> Result<(), Error> {
        let Some(cause) = writes.iter().find(|write| is_named(&write.path, FILE)) else {
            return Ok(());
        };
        let outcome = self.listing(result).await?;
        let both = || listing.keys().filter(|path| outcome.contains_key(*path)).map(String::as_str);
        let before = self.attributes(onto, listing, both(), &TRANSFORMING).await?;
        let after = self.attributes(result, &outcome, both(), &TRANSFORMING).await?;
        let named = |found: Attributes| -> Attributes {
            found.into_iter().filter(|(_, value)| names_a_program(value)).collect()
        };
        let (before, after) = (named(before), named(after));
        let changed = after.iter().find(|(key, value)| before.get(*key) != Some(*value));
        let changed = changed.or_else(|| before.iter().find(|(key, _)| !after.contains_key(*key)));
        let Some(((path, name), _)) = changed else {
            return Ok(());
        };
        let why = format!("changes the attribute {name} of {path}");
        Err(Refusal::new(&cause.path, why).into())
    }

    /// What the tree's attribute files, with the person's own config, say about
    /// these paths.
    async fn attributes<'a>(
        &self,
        tree: &TreeId,
        listing: &Listing,
        paths: impl Iterator<Item = &'a str>,
        names: &[&str],
    ) -> Result<Attributes, Error> {
        let wanted: String = paths.map(|path| format!("{path}\0")).collect();
        if wanted.is_empty() {
            return Ok(Attributes::new());
        }
        let files = || {
            let named = |path: &str| path.rsplit('/').next() == Some(FILE);
            listing.iter().filter(move |(path, entry)| named(path) && entry.mode.is_file())
        };
        let paths: Vec<String> = files().map(|(path, _)| path.clone()).collect();
        if self.nothing_says(tree, &paths, names).await? {
            return Ok(Attributes::new());
        }
        // Of an index with nothing else in it, since a whole one takes long to
        // make in a large repository, and older gits cannot be told a tree.
        let scratch = self.scratch()?;
        let index = scratch.path().join("index");
        let index = utf8(&index)?;
        if !paths.is_empty() {
            let staged = files().map(|(path, entry)| (path.as_str(), Some(entry)));
            let fill = Call::new(&["update-index", "-z", "--index-info"])
                .env("GIT_INDEX_FILE", index)
                .stdin(index_info(tree, &staged));
            self.caller().run(&fill).await?;
        }
        let args = [&["check-attr", "--cached", "-z", "--stdin"], names].concat();
        let ask = Call::new(&args).env("GIT_INDEX_FILE", index).stdin(wanted);
        parse(&self.caller().bytes(&ask).await?)
    }

    /// Whether no file that git reads attributes from can say anything about
    /// these: it would have to name one of them, or define a macro. (Of the
    /// macros that git itself defines, none gives a value.)
    async fn nothing_says(
        &self,
        tree: &TreeId,
        files: &[String],
        names: &[&str],
    ) -> Result<bool, Error> {
        let Some(outside) = self.attribute_files().await? else {
            return Ok(false);
        };
        let mut texts = Vec::new();
        for file in outside {
            match std::fs::metadata(&file) {
                Ok(facts) if facts.len() <= MOST_LOOKED_AT && facts.is_file() => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                _ => return Ok(false),
            }
            let Ok(text) = std::fs::read(&file) else {
                return Ok(false);
            };
            texts.push(text);
        }
        let inside = self.read(tree, files, MOST_LOOKED_AT).await?;
        let all_read = inside.len() == files.len();
        texts.extend(inside.into_values());
        let says = |text: &Vec<u8>| {
            let text = String::from_utf8_lossy(text);
            text.contains(lines::MACRO) || names.iter().any(|name| text.contains(name))
        };
        Ok(all_read && !texts.iter().any(says))
    }

    /// The files outside of the tree that git reads attributes from, whether
    /// they exist or not; `None` if this git does not tell.
    async fn attribute_files(&self) -> Result<Option<Vec<PathBuf>>, Error> {
        let identity =
            ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        // Named, since git would ask the network for what it is not told.
        let call = Call::new(&["var", "-l"]);
        let call = identity.into_iter().fold(call, |call, name| call.env(name, "belay"));
        let said = match self.settled("variables", &call).await {
            Err(Error::Git { .. }) | Ok(None) => return Ok(None),
            said => said?.unwrap_or_default(),
        };
        let said = String::from_utf8_lossy(&said);
        // Last come git's own variables, after all that the config says.
        let last = |key: &str| {
            let found = said.lines().rev().find_map(|line| line.strip_prefix(key));
            found.map(PathBuf::from)
        };
        // The first one has a value wherever it is known; the other needs a home.
        let Some(system) = last("GIT_ATTR_SYSTEM=") else {
            return Ok(None);
        };
        let info = self.git_dir().join("info").join("attributes");
        Ok(Some(
            [Some(system), last("GIT_ATTR_GLOBAL="), Some(info)].into_iter().flatten().collect(),
        ))
    }
}

/// Whether one of the writes is to a file of attributes.
pub(crate) fn changes_attributes(writes: &[FileWrite]) -> bool {
    writes.iter().any(|write| is_named(&write.path, FILE))
}

/// Whether the value is one; `-diff` and the like have none.
fn names_a_program(value: &str) -> bool {
    !matches!(value, "unset" | "set")
}

/// Whether the last part of the path is this name to any file system: in any
/// case, as a stream of NTFS, or by its short name there.
fn is_named(path: &str, name: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or(path);
    let last = last.split(':').next().unwrap_or(last).to_lowercase();
    let short = format!("{}~", &name[1..name.len().min(7)]);
    let is_short = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    last == name || last.strip_prefix(&short).is_some_and(is_short)
}

/// Triples of `path NUL attribute NUL value NUL`.
fn parse(bytes: &[u8]) -> Result<Attributes, Error> {
    let unreadable = || Error::Unreadable {
        command: "check-attr".to_owned(),
        what: "path, attribute and value".to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    let fields: Vec<&str> = text.split_terminator('\0').collect();
    let (triples, rest) = fields.as_chunks::<3>();
    if !rest.is_empty() {
        return Err(unreadable());
    }
    let said = triples.iter().filter(|[_, _, value]| *value != "unspecified");
    Ok(said
        .map(|&[path, name, value]| ((path.to_owned(), name.to_owned()), value.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_disguise() {
        for path in [
            ".gitattributes",
            "a/b/.gitattributes",
            ".GitAttributes",
            "a/GITATT~1",
            ".gitattributes:stream",
        ] {
            assert!(is_named(path, FILE), "{path}");
        }
        for path in ["gitattributes", ".gitattributes.md", ".gitattributes/x", "gitatt~x"] {
            assert!(!is_named(path, FILE), "{path}");
        }
        assert!(is_named("x/.LfsConfig", STORAGE) && is_named("lfscon~1", STORAGE));
    }

    #[test]
    fn an_answer_that_is_cut_is_an_error() {
        let found = parse(b"a\0filter\0lfs\0b\0filter\0unspecified\0").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[&("a".to_owned(), "filter".to_owned())], "lfs");
        assert!(parse(b"a\0filter\0").is_err());
    }
}
