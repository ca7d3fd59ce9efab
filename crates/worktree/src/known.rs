//! What git answered once and would answer again. Each question to git is a
//! process, and a run asks the same ones at every step. Objects never change,
//! so what is known of them holds for ever and only its amount is bounded; what
//! the config says holds as long as the repository's own config file is the
//! one that was read. The person's global config is read once by a process.

use std::collections::{HashMap, VecDeque};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::git::Call;
use crate::listing::Listing;
use crate::objects::{CommitId, TreeId};
use crate::repository::Repository;

/// Of listings: the run's base and the latest of its own trees.
const LISTINGS: usize = 8;

/// Of the commits of one run, replaced ones included.
const OWN: usize = 1024;

/// Of everything that takes a few bytes.
const SMALL: usize = 64;

/// Of blobs, together and each: the text files that roles are shown.
const BLOB_BYTES: usize = 8 * 1024 * 1024;
const MOST_BLOB_BYTES: usize = 256 * 1024;

/// What a handle and its clones know of their repository.
#[derive(Debug)]
pub(crate) struct Known {
    /// The tree of a commit.
    pub(crate) trees: Recent<CommitId, TreeId>,
    pub(crate) listings: Recent<TreeId, Arc<Listing>>,
    /// Full names of branches that git allows.
    pub(crate) branches: Recent<String, ()>,
    pub(crate) blobs: Blobs,
    /// Commits that were made for a caller, and need not be kept for anybody.
    pub(crate) own: Recent<CommitId, ()>,
    settled: Recent<String, (Stamp, Answer)>,
    /// Held by whoever fetches objects, so that others who want the same ones
    /// wait for those instead of asking too.
    pub(crate) fetching: tokio::sync::Mutex<()>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            trees: Recent::new(SMALL),
            listings: Recent::new(LISTINGS),
            branches: Recent::new(SMALL),
            blobs: Blobs::default(),
            own: Recent::new(OWN),
            settled: Recent::new(SMALL),
            fetching: tokio::sync::Mutex::default(),
        }
    }
}

/// The last few values, by key.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    most: usize,
    kept: Mutex<VecDeque<(K, V)>>,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    pub(crate) fn get<Q: PartialEq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let kept = lock(&self.kept);
        kept.iter().find(|(known, _)| known.borrow() == key).map(|(_, value)| value.clone())
    }

    pub(crate) fn put(&self, key: K, value: V) {
        let mut kept = lock(&self.kept);
        kept.retain(|(known, _)| *known != key);
        kept.truncate(self.most - 1);
        kept.push_front((key, value));
    }
}

/// Contents by the name of their blob, the oldest dropped first.
#[derive(Debug, Default)]
pub(crate) struct Blobs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    contents: HashMap<String, Arc<[u8]>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Blobs {
    pub(crate) fn get(&self, id: &str) -> Option<Arc<[u8]>> {
        lock(&self.0).contents.get(id).cloned()
    }

    pub(crate) fn put(&self, id: &str, content: &[u8]) {
        let mut kept = lock(&self.0);
        if content.len() > MOST_BLOB_BYTES || kept.contents.contains_key(id) {
            return;
        }
        kept.bytes += content.len();
        kept.contents.insert(id.to_owned(), content.into());
        kept.order.push_back(id.to_owned());
        while kept.bytes > BLOB_BYTES
            && let Some(oldest) = kept.order.pop_front()
        {
            let gone = kept.contents.remove(&oldest);
            kept.bytes -= gone.map_or(0, |content| content.len());
        }
    }
}

/// `None` where git said no.
type Answer = Option<Arc<[u8]>>;

/// Which config file was read: another one has another inode or change time.
type Stamp = [Option<(u64, i64, i64, u64)>; 2];

fn stamp(git_dir: &Path) -> Stamp {
    ["config", "config.worktree"].map(|name| {
        let facts = git_dir.join(name).metadata().ok()?;
        Some((facts.ino(), facts.ctime(), facts.ctime_nsec(), facts.size()))
    })
}

impl Repository {
    /// What git answers to a question about its config, from the last time if
    /// the repository's config is still the same; `None` for exit status 1.
    pub(crate) async fn settled(&self, question: &str, call: &Call<'_>) -> Result<Answer, Error> {
        self.caller().check_cancelled()?;
        let stamp = stamp(self.git_dir());
        let known = self.known().settled.get(question);
        if let Some((_, answer)) = known.filter(|(then, _)| *then == stamp) {
            return Ok(answer);
        }
        let answer = self.caller().ask(call).await?;
        let answer: Answer = answer.map(|output| output.stdout.bytes.into());
        self.known().settled.put(question.to_owned(), (stamp, answer.clone()));
        Ok(answer)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_and_the_newest_counts() {
        let recent = Recent::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            recent.put(key.to_owned(), value);
        }
        assert_eq!(["a", "b", "c"].map(|key| recent.get(key)), [Some(3), None, Some(4)]);
    }

    #[test]
    fn blobs_are_bounded_together_and_each() {
        let blobs = Blobs::default();
        blobs.put("large", &vec![0; MOST_BLOB_BYTES + 1]);
        assert!(blobs.get("large").is_none());
        let fitting = BLOB_BYTES / MOST_BLOB_BYTES;
        for number in 0..=fitting {
            blobs.put(&number.to_string(), &vec![0; MOST_BLOB_BYTES]);
            blobs.put(&number.to_string(), &vec![0; MOST_BLOB_BYTES]);
        }
        assert!(blobs.get("0").is_none() && blobs.get("1").is_some());
        assert_eq!(lock(&blobs.0).bytes, BLOB_BYTES);
        assert_eq!(lock(&blobs.0).contents.len(), fitting);
    }

    #[test]
    fn another_config_file_is_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let none = stamp(dir.path());
        std::fs::write(dir.path().join("config"), "a").unwrap();
        let one = stamp(dir.path());
        std::fs::write(dir.path().join("new"), "b").unwrap();
        std::fs::rename(dir.path().join("new"), dir.path().join("config")).unwrap();
        assert!(none != one && one != stamp(dir.path()));
        assert_eq!(stamp(dir.path()), stamp(dir.path()));
    }
}
