//! A state file that is no sound database: it is set aside whole, and what can
//! be read of it goes into a new one.
//!
//! The failure this prevents: one bad page takes every run with it, or a
//! person deletes a file whose other runs were fine.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::aside::{Aside, sync_folder};
use super::runs::{begin, each_row, sealed, write_record};
use super::{Place, heads, schema, values};
use crate::care::look;
use crate::error::{During as _, Error, StorageClass};
use crate::head::{Origin, Standing};
use crate::lock::LockFile;
use crate::record::{Sealed, check_origin};
use crate::run::RunId;

const READING: &str = "reading what is left of the state";
const WRITING: &str = "writing what is left of the state";

/// What was kept of a state file that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Each run that could be kept, in the order of creation, with its number
    /// of records.
    pub runs: Vec<(RunId, u64)>,
    /// Runs known by their lock files of which nothing could be kept.
    pub lost: Vec<RunId>,
    /// Where the old file lies: a name within the store's folder.
    pub set_aside: String,
}

/// Says what is wrong with the file itself, a line each.
pub(super) fn flaws(connection: &Connection) -> Result<Vec<String>, Error> {
    let action = "looking at the state file";
    let asked = |sql: &str| {
        connection
            .prepare(sql)?
            .query_map([], |row| Ok(heads::text(row, 0)))?
            .collect::<Result<Vec<_>, _>>()
    };
    let mut lines = match asked("PRAGMA integrity_check(20)").during(action) {
        Err(error @ Error::Storage { class: StorageClass::Corrupt, .. }) => {
            return Ok(vec![error.to_string()]);
        }
        answer => answer?,
    };
    lines.retain(|line| line != "ok");
    let ids = asked("SELECT id FROM runs").during(action)?;
    let unreadable = ids.iter().filter(|id| id.parse::<RunId>().is_err()).count();
    if unreadable > 0 {
        lines.push(format!("{unreadable} runs without a readable id"));
    }
    let sql = "SELECT DISTINCT run FROM records WHERE run NOT IN (SELECT id FROM runs)";
    let homeless = asked(sql).during(action)?.len();
    if homeless > 0 {
        lines.push(format!("records of {homeless} runs that have no head"));
    }
    Ok(lines)
}

pub(super) fn salvage(place: &Place) -> Result<Salvaged, Error> {
    let _alone = place.open_alone()?;
    let names = lock_names(place)?;
    for run in &names {
        if let Some(holder) = LockFile::holder(&place.lock_path(*run))? {
            return Err(Error::Held { holder });
        }
    }
    let old = place.database();
    let new = beside(&old, ".new");
    for path in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        remove(&path)?;
    }
    let mut fresh = schema::connect(&new, place.settings.busy_timeout)?;
    let runs = carry_over(&old, &mut fresh)?;
    fresh
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .and_then(|()| fresh.close().map_err(|(_, error)| error))
        .during(WRITING)?;
    let aside = Aside::new(&place.dir)?;
    for (suffix, what) in [("", "state.db"), ("-wal", "state.db-wal")] {
        match aside.link(&beside(&old, suffix), what) {
            Err(_) if !suffix.is_empty() && !beside(&old, suffix).exists() => {}
            linked => linked?,
        }
    }
    aside.seal()?;
    // The old log would be replayed into the new file.
    for suffix in ["-wal", "-shm"] {
        remove(&beside(&old, suffix))?;
    }
    sync_folder(&place.dir)?;
    fs::rename(&new, &old).during(WRITING)?;
    for suffix in ["-wal", "-shm"] {
        remove(&beside(&new, suffix))?;
    }
    sync_folder(&place.dir)?;
    let kept: BTreeSet<RunId> = runs.iter().map(|(run, _)| *run).collect();
    let lost = names.into_iter().filter(|run| !kept.contains(run)).collect();
    Ok(Salvaged { runs, lost, set_aside: aside.name("state.db") })
}

/// The runs that have a lock file, and so were here once.
pub(super) fn lock_names(place: &Place) -> Result<Vec<RunId>, Error> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(&place.locks).during("looking at the lock files")? {
        let path = entry.during("looking at the lock files")?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        runs.extend(name.and_then(|name| name.parse::<RunId>().ok()));
    }
    runs.sort();
    Ok(runs)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(WRITING, &error)),
        _ => Ok(()),
    }
}

/// Nothing that the old file answers is an error here, but that a newer
/// release wrote it.
fn carry_over(old: &Path, fresh: &mut Connection) -> Result<Vec<(RunId, u64)>, Error> {
    let Ok(old) = Connection::open(old) else { return Ok(Vec::new()) };
    // The old file is evidence: closing it must not write its log into it.
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).during(READING)?;
    if let Err(error @ Error::Newer { .. }) = schema::known_shape(&old) {
        return Err(error);
    }
    let mut kept = Vec::new();
    for run in ids(&old) {
        let Some((origin, standing, records)) = readable(&old, run) else { continue };
        let transaction = begin(fresh, WRITING)?;
        heads::insert(&transaction, &origin, &standing)?;
        for record in &records {
            write_record(&transaction, run, record)?;
        }
        transaction.commit().during(WRITING)?;
        kept.push((run, standing.last_seq));
    }
    for value in values::readable(&old).unwrap_or_default() {
        if serde_json::from_str::<serde_json::Value>(&value.2).is_ok() {
            values::insert(fresh, &value)?;
        }
    }
    Ok(kept)
}

/// The ids of the runs, in the order of creation: from both ends, since a bad
/// page ends the reading.
fn ids(old: &Connection) -> Vec<RunId> {
    let read = |sql: &str| {
        let mut ids = Vec::new();
        let Ok(mut statement) = old.prepare(sql) else { return ids };
        let Ok(mut rows) = statement.query([]) else { return ids };
        while let Ok(Some(row)) = rows.next() {
            ids.extend(heads::text(row, 0).parse::<RunId>().ok());
        }
        ids
    };
    let mut ids = read("SELECT id FROM runs ORDER BY place");
    let mut later = read("SELECT id FROM runs ORDER BY place DESC");
    later.reverse();
    ids.extend(later);
    let mut seen = BTreeSet::new();
    ids.retain(|run| seen.insert(*run));
    ids
}

/// The head and the good records at the beginning; unfinished, unless all of
/// it is sound.
fn readable(old: &Connection, run: RunId) -> Option<(Origin, Standing, Vec<Sealed>)> {
    let found = heads::find_in_any_shape(old, run)?;
    check_origin(&found.origin).ok()?;
    let mut rows = Vec::new();
    let through_index = each_row(old, run, 0, |row| {
        rows.push(row);
        Ok(())
    });
    if through_index.is_err() {
        let scanned = scan(old, run);
        if scanned.len() > rows.len() {
            rows = scanned;
        }
    }
    let (good, flaw) = look(run, rows.iter().map(Option::as_ref), None);
    let whole = flaw.is_none() && found.standing_is_sound && good == found.standing.last_seq;
    let records: Vec<Sealed> =
        rows.into_iter().flatten().zip(1..=good).map(|(row, _)| row).collect();
    let written = records.iter().map(|record| record.epoch).max().unwrap_or(0);
    let standing = Standing {
        epoch: if found.standing_is_sound { found.standing.epoch } else { written } + 1,
        last_seq: good,
        finished: if whole { found.standing.finished } else { None },
        updated_at: found.standing.updated_at,
    };
    Some((found.origin, standing, records))
}

/// The rows without the index that may be what is broken.
fn scan(old: &Connection, run: RunId) -> Vec<Option<Sealed>> {
    let mut found = Vec::new();
    let sql = "SELECT seq, epoch, at, kind, version, min_reader, body, checksum
               FROM records NOT INDEXED";
    let Ok(mut statement) = old.prepare(&format!("{sql} WHERE run = ?1")) else { return found };
    let Ok(mut rows) = statement.query([run.to_string()]) else { return found };
    while let Ok(Some(row)) = rows.next() {
        found.push(sealed(row).ok());
    }
    found.sort_by_key(|row| row.as_ref().map_or(u64::MAX, |row| row.seq));
    found
}
