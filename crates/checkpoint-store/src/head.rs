//! The head of a run as it rests: what it is of, which never changes, and how
//! it stands, which every commit changes. Each has a checksum of its own, so
//! that a commit sums a few dozen bytes and damage says which half to mistrust.
//!
//! The failure this prevents: a flipped digit in a count or a status makes a
//! run end early, or work on another idea, with every single record intact.

use jiff::Timestamp;
use serde_json::Value;

use crate::record::checksum;
use crate::run::{RunHead, RunId};

/// What a run is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) run: RunId,
    pub(crate) subject: String,
    /// JSON, exactly as it was written.
    pub(crate) attributes: String,
    pub(crate) created_at: Timestamp,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    /// Of the last lease.
    pub(crate) epoch: u64,
    /// The number of its last record.
    pub(crate) last_seq: u64,
    pub(crate) finished: Option<String>,
    pub(crate) updated_at: Timestamp,
}

impl Origin {
    pub(crate) fn sum(&self) -> Vec<u8> {
        checksum([
            self.run.to_string().as_str(),
            &self.subject,
            &self.attributes,
            &self.created_at.to_string(),
        ])
    }

    /// As a list shows it. Attributes that are no JSON show as nothing.
    pub(crate) fn shown(&self, standing: &Standing) -> RunHead {
        RunHead {
            id: self.run,
            subject: self.subject.clone(),
            attributes: serde_json::from_str(&self.attributes).unwrap_or(Value::Null),
            created_at: self.created_at,
            finished: standing.finished.clone(),
            updated_at: standing.updated_at,
            holder: None,
        }
    }
}

impl Standing {
    pub(crate) fn sum(&self, run: RunId) -> Vec<u8> {
        let numbers = format!("{}/{}", self.epoch, self.last_seq);
        let run = run.to_string();
        let at = self.updated_at.to_string();
        // One part more where it is finished: no status reads like none.
        let parts = [run.as_str(), &numbers, &at].into_iter();
        checksum(parts.chain(self.finished.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            run: RunId::generate(),
            subject: "idea".into(),
            attributes: "{}".into(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_change_of_any_field_of_an_origin_is_noticed() {
        let good = origin();
        let changes: [fn(&mut Origin); 4] = [
            |o| o.run = RunId::generate(),
            |o| o.subject.push('x'),
            |o| o.attributes.push(' '),
            |o| o.created_at = Timestamp::MAX,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut bad = good.clone();
            change(&mut bad);
            assert_ne!(bad.sum(), good.sum(), "change {number} went through");
        }
    }

    #[test]
    fn a_change_of_any_field_of_a_standing_is_noticed() {
        let run = RunId::generate();
        let good =
            Standing { epoch: 1, last_seq: 12, finished: None, updated_at: Timestamp::UNIX_EPOCH };
        let changes: [fn(&mut Standing); 5] = [
            |s| s.epoch = 2,
            |s| s.last_seq = 11,
            |s| s.finished = Some(String::new()),
            |s| s.finished = Some("completed".into()),
            |s| s.updated_at = Timestamp::MAX,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut bad = good.clone();
            change(&mut bad);
            assert_ne!(bad.sum(run), good.sum(run), "change {number} went through");
        }
        assert_ne!(good.sum(RunId::generate()), good.sum(run));
    }
}
