//! A run's state on a remote, for machines that are thrown away: its export
//! under a ref of its own, moved together with the branch, both or none.
//!
//! Whoever moves that ref from where it was last seen has the run; whoever
//! finds it moved has lost it. So of two machines that take up one run at the
//! same moment exactly one goes on, and one that lost it cannot push.

use std::collections::BTreeMap;

use checkpoint_store::{Error as StoreError, Holder, RunId, ValueStore};
use sha2::{Digest as _, Sha256};
use worktree::{CommitId, RefMove, Repository};

use crate::Error;
use crate::driver::Driver;
use crate::ending::MIRROR;
use crate::shutdown::LEASE_LOST;

/// Where a run's state stands, followed by the run.
pub const RUNS: &str = "refs/belay/runs/";
/// Where an idea's run is named, so that two machines do not begin the same one.
const IDEAS: &str = "refs/belay/ideas/";
/// The run's export, within its bundle.
pub const EXPORT: &str = "export.jsonl";
/// Who took the run up last, within its bundle.
pub const HOLD: &str = "hold.json";
/// What the models taught, within its bundle.
pub const MODELS: &str = "models.json";
/// Where the last known state of those refs stands among the shared values.
const KEY: &str = "mirror";
/// Refs remembered; of more than that the newest runs'.
const MOST: usize = 500;
/// Attempts at writing against other processes that write too.
const TRIES: usize = 5;
/// A note of a few fields.
pub const MOST_HOLD_BYTES: usize = 4096;

/// Full names of refs, and where they were last seen on the mirror.
pub type Seen = BTreeMap<String, CommitId>;

/// What is known of the mirror's refs; nothing if the value cannot be read.
///
/// # Errors
/// If the store cannot be read.
pub async fn seen(values: &dyn ValueStore) -> Result<Seen, StoreError> {
    Ok(read(values).await?.1)
}

async fn read(values: &dyn ValueStore) -> Result<(Option<u64>, Seen), StoreError> {
    match values.get(KEY).await {
        Ok(Some(found)) => {
            let seen = serde_json::from_value(found.value).unwrap_or_default();
            Ok((Some(found.revision), seen))
        }
        Ok(None) => Ok((None, Seen::new())),
        Err(StoreError::DamagedValue { revision, .. }) => Ok((Some(revision), Seen::new())),
        Err(error) => Err(error),
    }
}

/// Remembers where refs were seen.
///
/// # Errors
/// If the store cannot be written.
pub async fn remember(values: &dyn ValueStore, now: &Seen) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let (expected, mut seen) = read(values).await?;
        seen.extend(now.clone());
        // Names of runs grow with time.
        while seen.len() > MOST {
            seen.pop_first();
        }
        let value = serde_json::to_value(&seen).unwrap_or_default();
        match values.compare_and_swap(KEY, expected, value).await {
            Err(StoreError::Conflict) => {}
            written => return written.map(drop),
        }
    }
    Err(StoreError::Conflict)
}

/// The ref of a run's state.
pub fn run_ref(run: RunId) -> String {
    format!("{RUNS}{run}")
}

/// The ref that says which run an idea has.
fn idea_ref(idea: &str) -> String {
    let digest = Sha256::digest(idea.as_bytes());
    let name: String = digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
    format!("{IDEAS}{name}")
}

/// Who took up the run whose bundle this is.
async fn holder(repository: &Repository, bundle: &CommitId) -> Option<Holder> {
    let text = repository.bundled(bundle, HOLD, MOST_HOLD_BYTES).await.ok()??;
    serde_json::from_slice(&text).ok()
}

impl Driver {
    fn mirror(&self) -> Option<&str> {
        self.parts.settings.mirror.as_deref()
    }

    /// Takes the run for this machine, before anything of it is written down. A mirror that is
    /// out of reach does not stop a run: the inner value says why it was not asked.
    pub(crate) async fn claim(&self) -> Result<Option<String>, Error> {
        let Some(remote) = self.mirror().map(str::to_owned) else {
            return Ok(None);
        };
        let claimed = tokio::select! {
            claimed = self.publish(&remote, Vec::new()) => claimed,
            () = self.out_of_time() => {
                Err(Refused::Reason(format!("{remote} does not answer in time")))
            }
        };
        match claimed {
            Ok(()) => Ok(None),
            Err(Refused::Lost(Some(holder))) => Err(Error::Store(StoreError::Held { holder })),
            Err(Refused::Lost(None)) => Err(Error::LeaseLost),
            Err(Refused::Reason(reason)) => Ok(Some(reason)),
        }
    }

    /// Ends when this process must end, or soon after it was asked to.
    async fn out_of_time(&self) {
        let time = async {
            match self.parts.deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = self.parts.shutdown.token().cancelled() => {}
        }
    }

    /// Whether another machine has the run now, where a remote is the mirror: asked before
    /// anything else about the remote is.
    pub(crate) async fn unless_lost(&self, remote: &str) -> Result<(), Refused> {
        if self.mirror() != Some(remote) {
            return Ok(());
        }
        match self.state_moves(remote).await {
            Err(lost @ Refused::Lost(_)) => Err(lost),
            Err(Refused::Reason(_)) | Ok(_) => Ok(()),
        }
    }

    /// Brings the run's state to the mirror as it is now.
    pub(crate) async fn mirror_state(&self) -> Result<(), String> {
        let Some(remote) = self.mirror().map(str::to_owned) else {
            return Ok(());
        };
        self.publish(&remote, Vec::new()).await.map_err(|refused| self.in_words(refused))
    }

    /// Why it was refused, in words; a run that is another's now is not gone on with.
    pub(crate) fn in_words(&self, refused: Refused) -> String {
        match refused {
            Refused::Reason(reason) => reason,
            Refused::Lost(_) => {
                self.parts.shutdown.request(LEASE_LOST);
                "another machine has taken the run over".to_owned()
            }
        }
    }

    /// Moves refs on a remote, and where it is the mirror the run's state with them.
    pub(crate) async fn publish(
        &self,
        remote: &str,
        mut moves: Vec<RefMove>,
    ) -> Result<(), Refused> {
        let repository = &self.parts.repository;
        let is_mirror = self.mirror() == Some(remote);
        if is_mirror {
            match self.state_moves(remote).await {
                // The branch is better there alone than not at all.
                Err(Refused::Reason(reason)) if !moves.is_empty() => self.put_off(reason).await?,
                state => moves.extend(state?),
            }
        }
        if moves.is_empty() {
            return Ok(());
        }
        let published = repository.publish(remote, &moves).await;
        let reason = match published {
            Ok(()) => None,
            Err(error) if is_mirror => match self.after_failure(remote, &moves).await {
                Some(lost) => return Err(lost),
                None => Some(error.to_string()),
            },
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            let branches = moves.into_iter().filter(|one| one.name.starts_with("refs/heads/"));
            let branches: Vec<RefMove> = branches.collect();
            if !is_mirror || branches.is_empty() {
                return Err(Refused::Reason(reason));
            }
            // A remote that takes no refs of ours may still take the branch.
            repository.publish(remote, &branches).await.map_err(reason_of)?;
            return self.put_off(reason).await;
        }
        if is_mirror {
            let now = moves.into_iter().filter(|one| one.name.starts_with("refs/belay/"));
            let now: Seen = now.map(|one| (one.name, one.to)).collect();
            remember(&*self.parts.values, &now).await.map_err(reason_of)?;
        }
        Ok(())
    }

    /// Says once a process that the state stays here.
    async fn put_off(&self, reason: String) -> Result<(), Refused> {
        if self.journal.state().is_deferred(MIRROR) {
            return Ok(());
        }
        self.defer("mirror", reason, MIRROR).await.map_err(reason_of)
    }

    /// The moves of this run's own refs: its state, the idea's, and commits that were salvaged.
    async fn state_moves(&self, remote: &str) -> Result<Vec<RefMove>, Refused> {
        let bundle = self.bundle().await?;
        let seen = seen(&*self.parts.values).await.map_err(reason_of)?;
        let there = self.parts.repository.remote_refs(remote, "refs/belay/").await;
        let there: Seen = there.map_err(reason_of)?.into_iter().collect();
        let mut moves = Vec::new();
        let name = run_ref(self.run);
        if !seen.contains_key(&name) {
            let idea = self.journal.state().started.as_ref().map(|started| started.idea.id.clone());
            let idea = idea_ref(&idea.unwrap_or_default());
            moves.extend(self.moved_on(remote, idea, &bundle, &seen, &there).await?);
        }
        moves.extend(self.moved_on(remote, name, &bundle, &seen, &there).await?);
        if !moves.is_empty() {
            moves.extend(self.salvaged(&there).await?);
        }
        Ok(moves)
    }

    /// The move of one ref to the bundle, if it is not there already. A ref that somebody removed
    /// is made again; one that stands where nobody here has put it is another machine's.
    async fn moved_on(
        &self,
        remote: &str,
        name: String,
        bundle: &CommitId,
        seen: &Seen,
        there: &Seen,
    ) -> Result<Option<RefMove>, Refused> {
        let over = there.get(&name).cloned();
        if over.as_ref() == Some(bundle) {
            return Ok(None);
        }
        if over.is_some() && over.as_ref() != seen.get(&name) {
            let repository = &self.parts.repository;
            let found = repository.fetch(remote, &name).await.ok().flatten();
            return Err(Refused::Lost(match &found {
                Some(found) => holder(repository, found).await,
                None => None,
            }));
        }
        Ok(Some(RefMove { name, to: bundle.clone(), over }))
    }

    async fn bundle(&self) -> Result<CommitId, Refused> {
        let export = self.parts.store.export(self.run).await.map_err(reason_of)?;
        let secret = self.parts.settings.secrets.iter().find(|secret| holds(&export, secret));
        if secret.is_some() {
            let reason = "the state holds the value of a secret, and stays on this machine";
            return Err(Refused::Reason(reason.to_owned()));
        }
        let hold = serde_json::to_vec(&self.parts.holder).map_err(reason_of)?;
        let models = self.parts.chains.planner.providers().memory();
        let models = serde_json::to_vec(&models).map_err(reason_of)?;
        let files = [(EXPORT, &export[..]), (HOLD, &hold[..]), (MODELS, &models[..])];
        let tip = self.tip().map_err(reason_of)?;
        self.parts.repository.bundle(&files, &tip).await.map_err(reason_of)
    }

    /// Commits that somebody made. What a program left when it failed has a name below its run's:
    /// nobody has looked at it, it may hold anything, and it stays here.
    async fn salvaged(&self, there: &Seen) -> Result<Vec<RefMove>, Refused> {
        const SALVAGE: &str = "refs/belay/salvage/";
        let here = self.parts.repository.refs(SALVAGE).await.map_err(reason_of)?;
        let is_commit = |name: &str| name.strip_prefix(SALVAGE).is_some_and(|id| !id.contains('/'));
        let missing =
            here.into_iter().filter(|(name, _)| is_commit(name) && !there.contains_key(name));
        Ok(missing.map(|(name, to)| RefMove { name, to, over: None }).collect())
    }

    /// Whether the run was lost to another machine, after a push that failed. One that succeeded
    /// and lost its answer is found too, by the next one.
    async fn after_failure(&self, remote: &str, moves: &[RefMove]) -> Option<Refused> {
        let repository = &self.parts.repository;
        for one in
            moves.iter().filter(|one| [RUNS, IDEAS].iter().any(|kind| one.name.starts_with(kind)))
        {
            let Ok(found) = repository.fetch(remote, &one.name).await else {
                continue;
            };
            if found == one.over {
                continue;
            }
            if found.as_ref() == Some(&one.to) {
                let now = Seen::from([(one.name.clone(), one.to.clone())]);
                // What is not remembered is found again.
                let _again = remember(&*self.parts.values, &now).await;
                continue;
            }
            let holder = match &found {
                Some(bundle) => holder(repository, bundle).await,
                None => None,
            };
            return Some(Refused::Lost(holder));
        }
        None
    }
}

/// Why refs were not moved.
#[derive(Debug)]
pub(crate) enum Refused {
    /// They could not be, for now.
    Reason(String),
    /// The run is another machine's now.
    Lost(Option<Holder>),
}

fn reason_of(error: impl std::fmt::Display) -> Refused {
    Refused::Reason(error.to_string())
}

/// Whether the secret stands in the text, as it is or as JSON spells it.
fn holds(text: &[u8], secret: &str) -> bool {
    let spelled = serde_json::to_string(secret).unwrap_or_default();
    let spelled = spelled.trim_matches('"');
    !secret.is_empty()
        && [secret, spelled]
            .iter()
            .any(|secret| text.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_also_as_json_spells_it() {
        let text = serde_json::to_vec(&serde_json::json!({ "a": "x sk-1\"2\\3 y" })).expect("JSON");
        assert!(holds(&text, "sk-1\"2\\3"));
        assert!(!holds(&text, "sk-9") && !holds(&text, ""));
        assert!(holds(b"x sk-12345 y", "sk-12345"));
    }

    #[test]
    fn the_names_of_refs_are_ones_that_git_allows() {
        assert_eq!(idea_ref("issue-12"), idea_ref("issue-12"));
        assert_ne!(idea_ref("a b"), idea_ref("a-b"));
        assert!(idea_ref("..~^:").bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/'));
    }
}
