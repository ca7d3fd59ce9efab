//! Storing what may be new or changed in the person's objects. Contents are
//! copied to files of ours first, so that git reads what was looked at, and
//! only what really is another content is stored.

use std::path::Path;

use rustix::fs::CWD;

use super::Workspace;
use super::gathering::{Gathered, Held};
use super::look::{self, Copied};
use super::snapshot::{SnapshotLimits, WhyLeftOut};
use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::Call;
use crate::listing::Entry;
use crate::objects::is_object_name;

/// A content in a file of ours, by its number.
struct Copy {
    held: Held,
    number: usize,
    copied: Copied,
}

/// How much may still be new or changed.
struct Room {
    file_bytes: u64,
    all_bytes: u64,
}

impl Room {
    /// Makes less of it by a content, if that fits.
    fn take(&mut self, bytes: u64) -> Result<(), WhyLeftOut> {
        let fits = bytes <= self.file_bytes && bytes <= self.all_bytes;
        self.all_bytes -= if fits { bytes } else { 0 };
        if fits { Ok(()) } else { Err(WhyLeftOut::TooLarge) }
    }
}

impl Workspace {
    /// The new and changed entries, whose contents are stored then.
    pub(super) async fn store(
        &self,
        gathered: &mut Gathered,
        limits: &SnapshotLimits,
        scratch: &Path,
    ) -> Result<Vec<(String, Entry)>, Error> {
        let blobs = scratch.join("blobs");
        std::fs::create_dir(&blobs).map_err(at(&blobs))?;
        let mut room = Room { file_bytes: limits.file_bytes, all_bytes: limits.all_bytes };
        let held = std::mem::take(&mut gathered.held);
        let (suspects, fresh) = held.into_iter().partition(Held::may_be_same);
        let mut changed = Vec::new();
        let suspects = self.copy(gathered, suspects, None, &blobs).await?;
        let ids = self.hash(&blobs, &suspects, &[]).await?;
        let mut kept = Vec::new();
        for (copy, id) in suspects.into_iter().zip(ids) {
            let (mode, size) = (copy.held.mode(), copy.held.size);
            match &copy.held.before {
                Some(before) if before.id != id => kept.push(copy),
                // Modes of old, which no git writes any more, are files too.
                Some(before) if before.mode != mode => {
                    changed.push((copy.held.path, Entry { mode, id, size }));
                }
                _ => {}
            }
        }
        kept.retain(|copy| match room.take(copy.copied.bytes) {
            Ok(()) => true,
            Err(why) => {
                gathered.leave_out(copy.held.path.as_bytes(), why);
                false
            }
        });
        kept.extend(self.copy(gathered, fresh, Some(&mut room), &blobs).await?);
        kept.retain(|copy| {
            if copy.copied.has_second_name {
                gathered.leave_out(copy.held.path.as_bytes(), WhyLeftOut::SecondName);
            }
            !copy.copied.has_second_name
        });
        let ids = self.hash(&blobs, &kept, &["-w"]).await?;
        for (Copy { held, copied, .. }, id) in kept.into_iter().zip(ids) {
            let entry = Entry { mode: held.mode(), id, size: copied.bytes };
            changed.push((held.path, entry));
        }
        Ok(changed)
    }

    /// Copies them as far as there is room, or without a limit what has the
    /// size that it always had.
    async fn copy(
        &self,
        gathered: &mut Gathered,
        held: Vec<Held>,
        mut room: Option<&mut Room>,
        blobs: &Path,
    ) -> Result<Vec<Copy>, Error> {
        let mut fitting = Vec::with_capacity(held.len());
        for held in held {
            match room.as_mut().map_or(Ok(()), |room| room.take(held.size)) {
                Ok(()) => fitting.push(held),
                Err(why) => gathered.leave_out(held.path.as_bytes(), why),
            }
        }
        let (top, blobs) = (self.path.clone(), blobs.to_owned());
        let is_first = room.is_none();
        let copy = move || {
            let top = look::open_forcibly(CWD, top.as_os_str())?;
            let copied = fitting.into_iter().enumerate().map(|(number, held)| {
                let number = 2 * number + usize::from(is_first);
                let to = blobs.join(number.to_string());
                // It may grow while it is read.
                let copied = look::copy(&top, &held.path, held.kind, held.size, &to)?;
                Ok((held, number, copied))
            });
            copied.collect::<std::io::Result<Vec<_>>>()
        };
        let mut copies = Vec::new();
        for (held, number, copied) in self.repository.blocking(&self.path, copy).await? {
            match copied {
                Ok(copied) => copies.push(Copy { held, number, copied }),
                Err(why) => gathered.leave_out(held.path.as_bytes(), why),
            }
        }
        Ok(copies)
    }

    /// The names that these contents have as blobs.
    async fn hash(
        &self,
        blobs: &Path,
        copies: &[Copy],
        flags: &[&str],
    ) -> Result<Vec<String>, Error> {
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        let names: String = copies.iter().map(|copy| format!("{}\n", copy.number)).collect();
        let args = [&["hash-object", "--no-filters", "--stdin-paths"], flags].concat();
        let call = Call::new(&args)
            .dir(blobs)
            .env("GIT_DIR", utf8(self.repository.git_dir())?)
            .stdin(names);
        let said = self.repository.caller().line(&call).await?;
        let ids: Vec<String> = said.lines().map(str::to_owned).collect();
        if ids.len() != copies.len() || !ids.iter().all(|id| is_object_name(id)) {
            return Err(Error::Unreadable {
                command: "hash-object".to_owned(),
                what: format!("the names of {} blobs", copies.len()),
            });
        }
        Ok(ids)
    }
}
