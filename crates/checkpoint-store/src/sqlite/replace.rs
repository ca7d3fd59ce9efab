//! The new file of a state that was salvaged goes in the place of the old one.
//!
//! The failure this prevents: a kill between two names. The old log would be
//! replayed into the new file, and without its log the old file has lost what
//! was written last. So the new one is first given a name of its own, which
//! says that it is whole; from then on whoever opens the state does the rest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Place;
use super::aside::{Aside, sync_folder};
use super::salvage::lock_names;
use crate::error::Error;
use crate::sqlite::failure::During as _;

const ACTION: &str = "putting the state in its place";

/// Gives what lies there a name among the copies, which comes back.
pub(super) fn set_aside(place: &Place, aside: &Aside) -> Result<Option<String>, Error> {
    let old = place.database();
    let mut name = None;
    for (end, what) in [("-wal", "state.db-wal"), ("", "state.db")] {
        let path = beside(&old, end);
        let there = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.during(ACTION)?,
        };
        // A folder has one name only: it is moved there later.
        if !there.is_dir() {
            aside.link(&path, what)?;
        }
        name = Some(aside.name(what));
    }
    Ok(name)
}

/// Puts the whole file `new` in the place of the state, whose copies stand already.
pub(super) fn put(place: &Place, new: &Path, aside: &Aside) -> Result<(), Error> {
    let old = place.database();
    if old.is_dir() {
        aside.take(&old, "state.db")?;
    }
    aside.seal()?;
    sync_folder(&place.dir)?;
    fs::rename(new, whole(place)).during(ACTION)?;
    settle(place)
}

/// Goes on where a process was killed that put a new file in its place.
pub(super) fn settle(place: &Place) -> Result<(), Error> {
    let (new, old) = (whole(place), place.database());
    if !new.try_exists().during(ACTION)? {
        return Ok(());
    }
    sync_folder(&place.dir)?;
    for end in ["-wal", "-shm"] {
        remove(&beside(&old, end))?;
    }
    sync_folder(&place.dir)?;
    fs::rename(&new, &old).during(ACTION)?;
    for end in [".new-wal", ".new-shm"] {
        remove(&beside(&old, end))?;
    }
    sync_folder(&place.dir)
}

/// Whether runs were ever kept in the folder, whatever is left of them. Makes nothing.
pub(super) fn was_used(place: &Place) -> Result<bool, Error> {
    let log = fs::metadata(beside(&place.database(), "-wal"));
    if log.is_ok_and(|found| found.len() > 0) || whole(place).exists() {
        return Ok(true);
    }
    Ok(place.locks.is_dir() && !lock_names(&place.locks)?.is_empty())
}

fn whole(place: &Place) -> PathBuf {
    beside(&place.database(), ".whole")
}

pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(ACTION, &error)),
        _ => Ok(()),
    }
}
