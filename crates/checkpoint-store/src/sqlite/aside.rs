//! What is damaged is set aside before it is touched: `DIR/set-aside/`, each
//! copy with a number in front that grows, at most [`COPIES`] of them.
//!
//! The failure this prevents: a repair that was wrong, and nothing left to see
//! that by.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::heads::{Found, bytes, text};
use crate::error::Error;
use crate::export::hex;
use crate::run::RunId;
use crate::sqlite::failure::During as _;

/// So many copies are kept; the oldest go first.
pub(super) const COPIES: u64 = 16;
const FOLDER: &str = "set-aside";
const ACTION: &str = "setting a copy aside";

/// The next place for a copy: its number and its path.
pub(super) struct Aside {
    number: u64,
    folder: PathBuf,
}

impl Aside {
    pub(super) fn new(dir: &Path) -> Result<Self, Error> {
        let folder = dir.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).during(ACTION)?;
        let newest = copies(&folder)?.into_iter().map(|(number, _)| number).max();
        Ok(Self { number: newest.unwrap_or(0) + 1, folder })
    }

    /// The copy's name within the store's folder.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{FOLDER}/{}-{what}", self.number)
    }

    fn path(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}-{what}", self.number))
    }

    /// Writes the rows of a run down as they are, readable or not.
    pub(super) fn write_run(
        &self,
        connection: &rusqlite::Connection,
        run: RunId,
        head: &Found,
    ) -> Result<String, Error> {
        let what = format!("run-{run}.jsonl");
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(&what))
            .during(ACTION)?;
        let mut file = BufWriter::new(file);
        let head = json!({
            "run": run, "subject": head.origin.subject, "attributes": head.origin.attributes,
            "created_at": head.origin.created_at, "origin_is_sound": head.origin_is_sound,
            "epoch": head.standing.epoch, "last_seq": head.standing.last_seq,
            "finished": head.standing.finished, "updated_at": head.standing.updated_at,
            "standing_is_sound": head.standing_is_sound,
        });
        writeln!(file, "{head}").during(ACTION)?;
        let mut statement = connection
            .prepare(
                "SELECT seq, epoch, at, kind, version, min_reader, body, checksum FROM records
                 WHERE run = ?1 ORDER BY seq",
            )
            .during(ACTION)?;
        let mut rows = statement.query([run.to_string()]).during(ACTION)?;
        while let Some(row) = rows.next().during(ACTION)? {
            let line = json!({
                "seq": text(row, 0), "epoch": text(row, 1), "at": text(row, 2),
                "kind": text(row, 3), "version": text(row, 4), "min_reader": text(row, 5),
                "body": text(row, 6), "checksum": hex(&bytes(row, 7)),
            });
            writeln!(file, "{line}").during(ACTION)?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).during(ACTION)?;
        file.sync_all().during(ACTION)?;
        self.seal()?;
        Ok(self.name(&what))
    }

    /// Gives a file a second name here. A link and not a copy: it is the file
    /// itself that is kept, and opening it to read would free the locks of
    /// every connection of this process.
    pub(super) fn link(&self, file: &Path, what: &str) -> Result<(), Error> {
        fs::hard_link(file, self.path(what)).during(ACTION)
    }

    /// Moves a folder here, which can have no second name.
    pub(super) fn take(&self, folder: &Path, what: &str) -> Result<(), Error> {
        fs::rename(folder, self.path(what)).during(ACTION)
    }

    /// Makes the copy's name durable, and lets the oldest copies go.
    pub(super) fn seal(&self) -> Result<(), Error> {
        sync_folder(&self.folder)?;
        for (number, path) in copies(&self.folder)? {
            if number + COPIES <= self.number {
                let gone = if path.is_dir() { fs::remove_dir_all } else { fs::remove_file };
                gone(path).during("removing an old copy")?;
            }
        }
        Ok(())
    }
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).during("syncing a folder")
}

fn copies(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder).during(ACTION)? {
        let entry = entry.during(ACTION)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.split_once('-')?.0.parse().ok());
        copies.extend(number.map(|number| (number, entry.path())));
    }
    Ok(copies)
}
