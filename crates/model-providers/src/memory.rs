//! What one process learned about models, for the next one to begin with.
//!
//! An hourly run that forgets pays for the same outage every hour. A file that another version
//! wrote, or that was damaged, must not stop a run either: whatever cannot be read is left out,
//! entry by entry, and the rest is used.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Class, ModelId};

/// No more entries of a kind than this are read.
const MOST_ENTRIES: usize = 1_000;
const MOST_SAMPLES: usize = 32;

/// Breakers, rests that outlive a process, and first-token times. Keys hold a hash of the
/// credential, so a changed key clears what was held against the old one. No secret is in it.
///
/// Deserializing never fails on a well-formed value of another shape: what does not fit is left
/// out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// The breakers' own snapshot, not looked into here.
    pub(crate) breakers: Value,
    /// The same of the starts of programs.
    pub(crate) launches: Value,
    pub(crate) rests: Vec<StoredRest>,
    /// Milliseconds, the oldest first.
    pub(crate) first_token: BTreeMap<ModelId, Vec<u64>>,
}

/// A rest with its end on the wall clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRest {
    pub(crate) key: String,
    pub(crate) class: Class,
    /// Milliseconds since 1970.
    pub(crate) until_at: u64,
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(from)?;
        let mut take = |name: &str| value.get_mut(name).map(Value::take).unwrap_or_default();
        let rests = match take("rests") {
            Value::Array(entries) => entries,
            _ => Vec::new(),
        };
        let samples = match take("first_token") {
            Value::Object(entries) => entries,
            _ => serde_json::Map::new(),
        };
        Ok(Self {
            breakers: take("breakers"),
            launches: take("launches"),
            rests: readable(rests.into_iter()).collect(),
            first_token: samples
                .into_iter()
                .take(MOST_ENTRIES)
                .filter_map(|(model, list)| Some((model.parse().ok()?, milliseconds(list))))
                .collect(),
        })
    }
}

fn readable<T: for<'de> Deserialize<'de>>(
    entries: impl Iterator<Item = Value>,
) -> impl Iterator<Item = T> {
    entries.take(MOST_ENTRIES).filter_map(|entry| serde_json::from_value(entry).ok())
}

fn milliseconds(list: Value) -> Vec<u64> {
    let Value::Array(list) = list else {
        return Vec::new();
    };
    let skipped = list.len().saturating_sub(MOST_SAMPLES);
    list.iter().skip(skipped).filter_map(Value::as_u64).collect()
}

/// Milliseconds since 1970; 0 for a clock before that.
pub(crate) fn stamp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How long it is from `wall` to a stamp; nothing if that is past.
pub(crate) fn until(stamp_at: u64, wall: SystemTime) -> Duration {
    Duration::from_millis(stamp_at.saturating_sub(stamp(wall)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_left_out_and_the_rest_is_read() {
        let text = r#"{
            "version": 7, "breakers": 3,
            "rests": [{"key": "k", "class": "rate_limited", "until_at": 5}, {"key": 1}, null,
                      {"key": "k", "class": "of_another_version", "until_at": 5}],
            "first_token": {"a/b": [1, "x", -2, 3.5, 9], "no-slash": [1], "c/d": "x"}
        }"#;
        let memory: Memory = serde_json::from_str(text).unwrap();
        assert_eq!(memory.rests.len(), 1);
        assert_eq!(memory.first_token.len(), 2);
        assert_eq!(memory.first_token[&"a/b".parse().unwrap()], [1, 9]);
    }

    #[test]
    fn any_well_formed_value_is_a_memory() {
        for text in ["null", "[]", "3", "\"x\"", "{}", r#"{"rests": {}}"#] {
            let memory: Memory = serde_json::from_str(text).unwrap();
            assert_eq!(memory, Memory::default(), "{text}");
        }
    }

    #[test]
    fn stamps_in_the_past_leave_no_time() {
        let wall = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(until(9_000, wall), Duration::ZERO);
        assert_eq!(until(12_500, wall), Duration::from_millis(2_500));
    }
}
