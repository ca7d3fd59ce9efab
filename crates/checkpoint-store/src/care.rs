//! What can be wrong with a run that rests, what is done about it, and which
//! runs are given up in the end.
//!
//! The failure this prevents: one flipped bit in the middle makes a whole run
//! unusable, or is overwritten by the next append before anybody saw it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Error;
use crate::record::Sealed;
use crate::run::{Batch, Holder, RunHead, RunId};

/// One thing that is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "flaw", rename_all = "snake_case")]
pub enum Flaw {
    /// The head does not match its checksum: its subject, its status or its
    /// count of records cannot be trusted.
    Head,
    /// Records are missing at the end.
    TornTail {
        /// The last record that is there and good.
        after: u64,
        /// How many are missing.
        missing: u64,
    },
    /// A record in the middle does not match its checksum, or is not there.
    Middle {
        /// The first record that cannot be trusted.
        seq: u64,
        /// How many rows lie from there on.
        behind: u64,
    },
    /// Only a newer release may read a record. No damage: nothing is done
    /// about it.
    Newer {
        /// The first such record.
        seq: u64,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("its head does not match its checksum"),
            Self::TornTail { after, missing } => {
                write!(f, "{missing} records are missing after record {after}")
            }
            Self::Middle { seq, behind } => write!(
                f,
                "record {seq} is missing or does not match its checksum; {behind} rows lie from there on"
            ),
            Self::Newer { seq } => write!(
                f,
                "record {seq} was written by a newer release of this program; install that one to read it"
            ),
        }
    }
}

/// What looking at one run found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    /// The run.
    pub run: RunId,
    /// The last record of the good ones at its beginning.
    pub good: u64,
    /// What is wrong; nothing where all is well.
    pub flaws: Vec<Flaw>,
    /// The living process that holds the run. It writes: what is found may
    /// change.
    pub holder: Option<Holder>,
}

/// What [`repair`](crate::RunStore::repair) did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// The run.
    pub run: RunId,
    /// The run goes on after this record. What was numbered higher is gone
    /// from the journal, and its numbers are given again.
    pub cut_after: u64,
    /// How many records the run has lost: cut off, or missing already.
    pub lost: u64,
    /// Whether the head had to be made anew. Its subject and attributes are
    /// what could still be read of them.
    pub head: bool,
    /// Where everything lies as it was found: a name within the store's own
    /// folder, or of whatever a store keeps its copies in.
    pub set_aside: String,
}

/// What a repair writes into the run that it repairs, in the same step: a
/// process that is killed leaves both or neither.
pub type Note = Box<dyn FnOnce(&Repaired) -> Result<Batch, Error> + Send>;

/// Which finished runs [`prune`](crate::RunStore::prune) may delete.
///
/// A run is deleted only if all of it allows that: it is finished, nobody
/// holds it, it is not spared, it is not among the `keep` finished runs that
/// were created last, it is not the newest run of its subject (so that a
/// finished idea stays known as finished), and it was last written to before
/// `finished_before`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// So many of the newest finished runs stay. A good number is 50.
    pub keep: usize,
    /// Runs last written to at this time or later stay. By the writers'
    /// clocks, compared with the caller's: leave a margin of days. A good
    /// number is 90 days ago.
    pub finished_before: Timestamp,
    /// Runs that stay whatever else holds: those with an open issue.
    pub spare: BTreeSet<RunId>,
}

impl Pruning {
    /// Those of `heads` (newest first) that may go.
    pub(crate) fn choose<'a>(&self, heads: impl Iterator<Item = &'a RunHead>) -> Vec<RunId> {
        let mut subjects = BTreeSet::new();
        let mut finished = 0;
        let mut chosen = Vec::new();
        for head in heads {
            let newest_of_subject = subjects.insert(head.subject.as_str());
            if head.finished.is_none() {
                continue;
            }
            finished += 1;
            let stays = newest_of_subject
                || finished <= self.keep
                || head.holder.is_some()
                || head.updated_at >= self.finished_before
                || self.spare.contains(&head.id);
            if !stays {
                chosen.push(head.id);
            }
        }
        chosen
    }
}

/// Looks at the rows of a run, in order; `None` is a row that cannot even be
/// read. `last` is what the head says of their number, if it can be trusted.
pub(crate) fn look<'a>(
    run: RunId,
    rows: impl Iterator<Item = Option<&'a Sealed>>,
    last: Option<u64>,
) -> (u64, Option<Flaw>) {
    let mut good = 0;
    let mut rows = rows.peekable();
    while let Some(row) = rows.peek() {
        let seq = good + 1;
        match row.map(|row| row.check(run, seq).and_then(|()| row.check_limits())) {
            Some(Ok(())) => good = seq,
            Some(Err(Error::Newer { .. })) => return (good, Some(Flaw::Newer { seq })),
            _ => return (good, Some(Flaw::Middle { seq, behind: rows.count() as u64 })),
        }
        rows.next();
    }
    let missing = last.map_or(0, |last| last.saturating_sub(good));
    (good, (missing > 0).then_some(Flaw::TornTail { after: good, missing }))
}
