//! Whether a change fits the tree that it is made to. A path that is harmless
//! by itself may be a link, lie in a submodule, be needed as a folder, or be
//! the twin of another file where cases are not told apart; each of these
//! would write elsewhere than the path says, or make a tree that some machines
//! cannot check out.

use std::collections::{BTreeMap, BTreeSet};

use crate::guard::{Refusal, folders};
use crate::listing::Listing;
use crate::objects::{FileWrite, Mode};

/// Checks planned paths (true: written, false: deleted) against the tree and
/// each other.
pub(crate) fn check_against(listing: &Listing, planned: &[(&str, bool)]) -> Result<(), Refusal> {
    check_twice(planned)?;
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

/// Names that differ only in case are one where both are written; that one
/// spelling goes and another comes is how a file gets another case.
fn check_twice(planned: &[(&str, bool)]) -> Result<(), Refusal> {
    let mut exact = BTreeSet::new();
    let mut written = BTreeMap::new();
    for &(path, is_written) in planned {
        if !exact.insert(path) {
            return Err(Refusal::new(path, "is named twice in one change"));
        }
        if !is_written {
            continue;
        }
        if let Some(other) = written.insert(path.to_lowercase(), path) {
            let why = format!("is named twice in one change, the other time as {other}");
            return Err(Refusal::new(path, why));
        }
    }
    Ok(())
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

/// Checks that each renamed file comes from one that the same change deletes,
/// goes to where nothing is, and that no file is renamed to two places.
pub(crate) fn check_renames(listing: &Listing, writes: &[FileWrite]) -> Result<(), Refusal> {
    let is_deletion = |write: &&FileWrite| write.content.is_none() && write.from.is_none();
    let deleted: BTreeSet<&str> =
        writes.iter().filter(is_deletion).map(|write| write.path.as_str()).collect();
    let mut origins = BTreeSet::new();
    for write in writes {
        let Some(from) = write.from.as_deref() else {
            continue;
        };
        let refuse = |why: String| Err(Refusal::new(&write.path, why));
        if !deleted.contains(from) {
            return refuse(format!("is to be {from} renamed, which this change does not delete"));
        }
        if !origins.insert(from) {
            return refuse(format!("is to be {from} renamed, which another file is too"));
        }
        if listing.contains_key(&write.path) {
            return refuse("exists already, so nothing can be renamed to it".to_owned());
        }
        if !listing.get(from).is_some_and(|entry| entry.mode.is_file()) {
            return refuse(format!("is to be {from} renamed, which is no file"));
        }
    }
    Ok(())
}
