//! Which files of a workspace may be new or changed, found level by level from
//! the top, so that what is ignored is never gone into. Nothing is read here
//! but names and facts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Workspace;
use super::ignored::Rules;
use super::look::{self, Kind, Level, Seen};
use super::snapshot::{LeftOut, SnapshotLimits, WhyLeftOut};
use crate::error::Error;
use crate::git::Call;
use crate::guard::{check_form, folders};
use crate::listing::{Entry, Listing};
use crate::objects::Mode;
use crate::place::LINK;

/// So much may lie in the folders of one level besides what the tree has.
const MOST_SEEN: usize = 200_000;

/// Folders that are new are not gone into below this level.
const DEEPEST: usize = 64;

/// A file or link that may be new or changed.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) is_executable: bool,
    pub(super) size: u64,
    /// What the tree has at this path.
    pub(super) before: Option<Entry>,
}

impl Held {
    pub(super) fn mode(&self) -> Mode {
        match (self.kind, self.is_executable) {
            (Kind::Link, _) => Mode::Symlink,
            (_, true) => Mode::Executable,
            (_, false) => Mode::Regular,
        }
    }

    /// Whether only its content can tell that it is another one.
    pub(super) fn may_be_same(&self) -> bool {
        self.before.as_ref().is_some_and(|before| {
            before.size == self.size && before.mode.is_file() == self.mode().is_file()
        })
    }
}

/// What was found in a workspace.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) held: Vec<Held>,
    /// Paths of the tree at which something lies, or that nobody can tell of.
    there: BTreeSet<String>,
    /// Folders of which not all was seen, and what could not be looked at.
    unlooked: Vec<String>,
    /// Folders of submodules, which are to be empty.
    modules: Vec<Vec<u8>>,
    left_out: BTreeSet<LeftOut>,
    fresh: usize,
}

impl Gathered {
    pub(super) fn leave_out(&mut self, path: &[u8], why: WhyLeftOut) {
        let path = String::from_utf8_lossy(path).into_owned();
        self.left_out.insert(LeftOut { path, why });
    }

    /// The files of the tree that are gone.
    pub(super) fn gone(&self, listing: &Listing) -> Vec<String> {
        let is_gone = |path: &&String| {
            !self.there.contains(*path)
                && !self.unlooked.iter().any(|unlooked| is_within(path, unlooked))
        };
        let of_a_file = listing.iter().filter(|(_, entry)| entry.mode != Mode::Submodule);
        of_a_file.map(|(path, _)| path).filter(is_gone).cloned().collect()
    }

    /// The first of what is left out, and how many more there are.
    pub(super) fn named(self, most: usize) -> (Vec<LeftOut>, usize) {
        let more = self.left_out.len().saturating_sub(most);
        (self.left_out.into_iter().take(most).collect(), more)
    }
}

/// Whether it is that path, or lies below it.
fn is_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    other.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the search goes by.
struct Search<'a> {
    listing: &'a Listing,
    /// Folders that hold files of the tree.
    folders: BTreeSet<&'a str>,
    /// Folders that hold wanted paths.
    on_the_way: BTreeSet<&'a str>,
    limits: &'a SnapshotLimits,
    /// Files of the tree whose names are not UTF-8, and their folders.
    unnameable: BTreeSet<Vec<u8>>,
    rules: Rules<'a>,
}

impl Workspace {
    pub(super) async fn gather(
        &self,
        listing: &Listing,
        limits: &SnapshotLimits,
        scratch: &Path,
    ) -> Result<Gathered, Error> {
        let rules = scratch.join("rules");
        let search = Search {
            listing,
            folders: listing.keys().flat_map(|path| folders(path)).collect(),
            on_the_way: limits.wanted.iter().flat_map(|path| folders(path)).collect(),
            limits,
            unnameable: self.unnameable(listing).await?,
            rules: Rules::of(&self.repository, &self.tree, listing, rules).await?,
        };
        let mut gathered = Gathered::default();
        let mut open = vec![Vec::new()];
        while !open.is_empty() {
            let (top, most) = (self.path.clone(), listing.len().saturating_add(MOST_SEEN));
            let look = move || look::level(&top, &open, most);
            let level = self.repository.blocking(&self.path, look).await?;
            open = self.sort(&search, &mut gathered, level).await?;
        }
        self.look_into_modules(&mut gathered).await?;
        Ok(gathered)
    }

    async fn look_into_modules(&self, gathered: &mut Gathered) -> Result<(), Error> {
        let (top, modules) = (self.path.clone(), std::mem::take(&mut gathered.modules));
        let look = move || {
            let mut filled = Vec::new();
            for module in modules {
                let inside = look::level(&top, std::slice::from_ref(&module), 1)?;
                let is_empty = inside.seen.is_empty() && inside.unlooked.is_empty();
                filled.extend(Some(module).filter(|_| !is_empty));
            }
            Ok(filled)
        };
        for module in self.repository.blocking(&self.path, look).await? {
            gathered.leave_out(&module, WhyLeftOut::Submodule);
        }
        Ok(())
    }

    /// Puts what was seen where it belongs, and says which folders come next.
    async fn sort(
        &self,
        search: &Search<'_>,
        gathered: &mut Gathered,
        level: Level,
    ) -> Result<Vec<Vec<u8>>, Error> {
        for (path, why) in level.unlooked {
            gathered.leave_out(&path, why);
            gathered.unlooked.extend(String::from_utf8(path));
        }
        let mut next = Vec::new();
        let mut fresh = BTreeMap::new();
        for seen in level.seen {
            let Some(path) = search.fit(gathered, &seen) else {
                continue;
            };
            let before = search.listing.get(&path);
            let is_module = before.is_some_and(|before| before.mode == Mode::Submodule);
            match (seen.kind, before) {
                (Kind::Folder, _) if is_module => gathered.modules.push(seen.path),
                _ if is_module => gathered.leave_out(&seen.path, WhyLeftOut::Submodule),
                (Kind::Folder, _) if search.folders.contains(path.as_str()) => next.push(seen.path),
                (Kind::File | Kind::Link, Some(before)) => {
                    gathered.there.insert(path.clone());
                    if self.stamps.get(&path) != Some(&seen.stamp) {
                        gathered.held.push(held(path, &seen, Some(before.clone())));
                    }
                }
                _ => {
                    fresh.insert(seen.path.clone(), (path, seen));
                }
            }
        }
        search.drop_ignored(&mut fresh).await?;
        for (path, seen) in fresh.into_values() {
            if search.take_fresh(gathered, path, &seen) {
                next.push(seen.path);
            }
        }
        Ok(next)
    }

    /// What the listing of the tree does not show.
    async fn unnameable(&self, listing: &Listing) -> Result<BTreeSet<Vec<u8>>, Error> {
        if listing.is_whole {
            return Ok(BTreeSet::new());
        }
        let args = ["ls-tree", "-r", "-t", "-z", "--name-only", "--full-tree", self.tree.as_str()];
        let names = self.repository.caller().bytes(&Call::new(&args)).await?;
        let names = names.split(|&byte| byte == 0);
        Ok(names.filter(|name| std::str::from_utf8(name).is_err()).map(<[u8]>::to_vec).collect())
    }
}

impl Search<'_> {
    /// The path of something that is not left out by its name alone.
    fn fit(&self, gathered: &mut Gathered, seen: &Seen) -> Option<String> {
        if seen.path == LINK.as_bytes() || self.unnameable.contains(&seen.path) {
            return None;
        }
        let name = seen.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if name == LINK.as_bytes() {
            gathered.leave_out(&seen.path, WhyLeftOut::Repository);
            return None;
        }
        let path = String::from_utf8(seen.path.clone()).ok();
        let is_fit = |path: &String| {
            let is_old = self.listing.contains_key(path) || self.folders.contains(path.as_str());
            is_old || check_form(path).is_ok() && !(seen.kind == Kind::Link && is_of_git(path))
        };
        let path = path.filter(is_fit);
        if path.is_none() {
            gathered.leave_out(&seen.path, WhyLeftOut::Name);
        }
        path
    }

    /// Takes away what git would ignore.
    async fn drop_ignored(
        &self,
        fresh: &mut BTreeMap<Vec<u8>, (String, Seen)>,
    ) -> Result<(), Error> {
        let asked = fresh.iter().map(|(path, (_, seen))| (&path[..], seen.kind == Kind::Folder));
        let ignored = self.rules.ignored(asked).await?;
        let is_kept = |path: &str| {
            self.limits.wanted.contains(path)
                || self.on_the_way.contains(path)
                || self.listing.contains_key(path)
        };
        fresh.retain(|raw, (path, _)| !ignored.contains(raw) || is_kept(path));
        Ok(())
    }

    /// Of what the tree does not have, or has otherwise: whether it is a folder
    /// to be looked into.
    fn take_fresh(&self, gathered: &mut Gathered, path: String, seen: &Seen) -> bool {
        let why = match seen.kind {
            Kind::Special => WhyLeftOut::Special,
            Kind::Folder if seen.path.iter().filter(|&&byte| byte == b'/').count() < DEEPEST => {
                return true;
            }
            Kind::Folder => WhyLeftOut::TooDeep,
            Kind::File | Kind::Link if gathered.fresh >= self.limits.new_paths => {
                WhyLeftOut::TooMany
            }
            Kind::File | Kind::Link => {
                gathered.fresh += 1;
                gathered.held.push(held(path, seen, None));
                return false;
            }
        };
        gathered.leave_out(&seen.path, why);
        gathered.there.insert(path);
        false
    }
}

fn held(path: String, seen: &Seen, before: Option<Entry>) -> Held {
    let Seen { kind, is_executable, size, .. } = *seen;
    Held { path, kind, is_executable, size, before }
}

/// Whether git refuses a link of this name, in any disguise.
fn is_of_git(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    [".gitmodules", "gitmod~", "gi7eba~"].iter().any(|name| last.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_to_its_end_is_not_gone() {
        let entry = Entry { mode: Mode::Regular, id: "a".repeat(40), size: 1 };
        let module = Entry { mode: Mode::Submodule, ..entry.clone() };
        let files = ["a", "ab/c", "dir/b", "dir2/b", "seen", "shut"].map(|path| (path, &entry));
        let all = files.into_iter().chain([("module", &module)]);
        let listing = Listing::default().with(all.map(|(path, entry)| (path, Some(entry))));
        let mut gathered = Gathered::default();
        gathered.there.insert("seen".to_owned());
        gathered.unlooked.extend(["dir", "shut"].map(str::to_owned));
        assert_eq!(gathered.gone(&listing), ["a", "ab/c", "dir2/b"]);
        gathered.unlooked.push(String::new());
        assert!(gathered.gone(&listing).is_empty());
    }
}
