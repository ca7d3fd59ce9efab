//! Work that a person names in an issue, taken as that item's change set: what
//! it changes besides the base may be the item's files and nothing else, and
//! passes the guard, the static checks, the review and the tests like what a
//! model makes. What does not pass is told in the issue, once.

use std::collections::BTreeMap;

use agents::{ChangeSet, ResolvedChange, WorkItem};
use static_checks::{Change, Severity, check};
use worktree::{CommitId, Person, TreeId};

use super::command::redact;
use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, IssueKind};
use crate::milestone::{MilestoneState, RoundState};
use crate::offers::{self, Named, Offer};
use crate::state::IssueState;

/// Paths told in one refusal.
const PATHS_TOLD: usize = 5;

/// What an offer comes to: a change set with who wrote it, or why it is not taken.
pub(super) type Taken = Result<(ChangeSet, Vec<Person>), String>;

impl Driver {
    /// Writes down what a person names in an issue, if it is new. True if it is there to be taken.
    pub(super) async fn meet_offer(&self, issue: &IssueState, said: &str) -> Result<bool, Error> {
        let Some(named) = offers::named(said).filter(|_| offers::may_be_named_in(issue)) else {
            return Ok(false);
        };
        let found = match self.find_named(&named, &issue.url).await {
            Ok(found) => found,
            Err(error) if error.cancelled() => return Err(error),
            Err(error) => {
                let message = format!("{named}, named in {}, cannot be had: {error}", issue.url);
                self.journal.append(Event::Warned { message }).await?;
                return Ok(false);
            }
        };
        let marker = issue.marker.clone();
        let Some(commit) = found else {
            let why = "there is none of this name, here or on the remote";
            self.say_refused(&issue.url, &named.to_string(), &named.to_string(), why).await?;
            return Ok(false);
        };
        if self.journal.state().knows_offer(&marker, &commit) {
            return Ok(self.journal.state().offer_for(&issue.files).is_some());
        }
        let (url, named) = (issue.url.clone(), named.to_string());
        self.journal.append(Event::WorkOffered { marker, url, named, commit }).await?;
        Ok(true)
    }

    /// On the remote where issues are on the network, since that is where people push to; else
    /// here.
    async fn find_named(&self, named: &Named, url: &str) -> Result<Option<CommitId>, Error> {
        let repository = &self.parts.repository;
        let remote = match &self.parts.settings.push {
            Some(remote) => remote.clone(),
            None => "origin".to_owned(),
        };
        let remote = Some(remote).filter(|_| url.contains("://"));
        let remote = match remote {
            Some(remote) if repository.has_remote(&remote).await? => Some(remote),
            _ => None,
        };
        let name = match (named, &remote) {
            (Named::Commit(id), remote) => {
                return Ok(repository.commit_named(id, remote.as_deref()).await?);
            }
            (Named::PullRequest(_), None) => return Ok(None),
            (Named::PullRequest(number), Some(_)) => format!("refs/pull/{number}/head"),
            (Named::Branch(name), _) => format!("refs/heads/{name}"),
        };
        if let Some(remote) = &remote
            && let Some(found) = repository.fetch(remote, &name).await?
        {
            return Ok(Some(found));
        }
        Ok(repository.ref_tip(&name).await?)
    }

    /// The offer as a change set to the tree that the item is made for.
    pub(super) async fn take_offer(
        &self,
        offer: &Offer,
        work: &WorkItem,
        onto: &TreeId,
    ) -> Result<Taken, Error> {
        let repository = &self.parts.repository;
        let tip = self.tip()?;
        let merged = match repository.merge(&tip, &offer.commit).await {
            Ok(merged) => merged,
            Err(worktree::Error::Git { .. } | worktree::Error::Unreadable { .. }) => {
                return Ok(Err("it has no common past with the branch".to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        if !merged.conflicts.is_empty() {
            let paths = told(&merged.conflicts);
            return Ok(Err(format!("it conflicts with the branch in {paths}")));
        }
        let files: Vec<String> = work.files.iter().map(|file| file.path.clone()).collect();
        let changed =
            repository.changed_paths(&repository.tree_of(&tip).await?, &merged.tree).await?;
        let base = self.base_here().await?;
        let others: Vec<String> =
            changed.iter().filter(|path| !files.contains(path)).cloned().collect();
        let strange = self.not_of_the_base(&others, &merged.tree, base.as_ref()).await?;
        if !strange.is_empty() {
            let paths = told(&strange);
            return Ok(Err(format!("it also changes {paths}, which this item does not have")));
        }
        let changes = match self.changes_between(onto, &merged.tree, &files).await? {
            Ok(changes) => changes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(finding) = self.high_finding(&changes) {
            return Ok(Err(finding));
        }
        let without: Vec<CommitId> = [Some(tip.clone()), base].into_iter().flatten().collect();
        let mut authors = repository.authors(&offer.commit, &without).await?;
        if authors.is_empty() {
            // It is on the base already.
            authors = repository.authors(&offer.commit, std::slice::from_ref(&tip)).await?;
        }
        if authors.is_empty() {
            return Ok(Err("it names nobody who wrote it".to_owned()));
        }
        let notes = format!("Done by hand in {}.", offer.named);
        Ok(Ok((ChangeSet { changes, notes }, authors)))
    }

    /// The base as it is known here: what came from there is nobody's work on the item.
    async fn base_here(&self) -> Result<Option<CommitId>, Error> {
        let name = {
            let state = self.journal.state();
            state.started.as_ref().and_then(|started| started.base_branch.clone())
        };
        match name {
            Some(name) => self.base_tip(&name).await,
            None => Ok(None),
        }
    }

    async fn not_of_the_base(
        &self,
        paths: &[String],
        merged: &TreeId,
        base: Option<&CommitId>,
    ) -> Result<Vec<String>, Error> {
        let (repository, mut strange) = (&self.parts.repository, paths.to_vec());
        if let Some(base) = base.filter(|_| !paths.is_empty()) {
            let differing =
                repository.changed_paths(&repository.tree_of(base).await?, merged).await?;
            strange.retain(|path| differing.contains(path));
        }
        Ok(strange)
    }

    async fn changes_between(
        &self,
        from: &TreeId,
        to: &TreeId,
        files: &[String],
    ) -> Result<Result<Vec<ResolvedChange>, String>, Error> {
        let (repository, most) = (&self.parts.repository, self.parts.settings.max_file_bytes);
        let before = texts(repository.read(from, files, most).await?);
        let after = texts(repository.read(to, files, most).await?);
        let there = repository.files(to).await?;
        let mut changes = Vec::new();
        for path in repository.changed_paths(from, to).await? {
            if !files.contains(&path) {
                continue;
            }
            let text = after.get(&path).cloned();
            if text.is_none() && there.iter().any(|file| file.path == path) {
                return Ok(Err(format!("{path} is no text file of at most {most} bytes there")));
            }
            let (before, explanation) = (before.get(&path).cloned(), String::new());
            changes.push(ResolvedChange { path, before, after: text, explanation, from: None });
        }
        if changes.is_empty() {
            return Ok(Err("it changes none of the item's files".to_owned()));
        }
        Ok(Ok(changes))
    }

    /// What a static check finds that no model's answer may hold either.
    fn high_finding(&self, changes: &[ResolvedChange]) -> Option<String> {
        let max_file_bytes = self.parts.settings.max_file_bytes;
        let change = |change: &'_ ResolvedChange| {
            (change.path.clone(), change.before.clone(), change.after.clone())
        };
        let owned: Vec<_> = changes.iter().map(change).collect();
        let changes: Vec<Change<'_>> = owned
            .iter()
            .map(|(path, before, after)| Change {
                path,
                before: before.as_ref().map(String::as_bytes),
                after: after.as_ref().map(String::as_bytes),
            })
            .collect();
        let findings = check(&changes, &static_checks::Settings { max_file_bytes });
        let high = findings.into_iter().find(|finding| finding.severity == Severity::High)?;
        Some(format!("{}: {}", high.path, high.message))
    }

    /// Says why an offer is not taken, and writes that down once it is said.
    pub(super) async fn refuse_offer(&self, offer: &Offer, why: &str) -> Result<(), Error> {
        let url = self.issue_url(&offer.marker).unwrap_or_default();
        if self.say_refused(&url, offer.commit.as_str(), &offer.named, why).await? {
            let (marker, commit) = (offer.marker.clone(), offer.commit.clone());
            let event = Event::WorkRefused { marker, url, commit, reason: why.to_owned() };
            self.journal.append(event).await?;
        }
        Ok(())
    }

    async fn say_refused(
        &self,
        url: &str,
        key: &str,
        named: &str,
        why: &str,
    ) -> Result<bool, Error> {
        let why = redact(why, &self.parts.settings.secrets);
        let why = why.trim_end_matches('.');
        let body = format!("`{named}` is not taken as the work on this: {why}.");
        let marker = format!("offer-{key}");
        let telling = self.parts.forge.comment(url, &body, &marker);
        match self.told(telling, IssueKind::ManualTask).await {
            Ok(()) => Ok(true),
            Err(reason) => {
                let message = format!("{url}: {body} Nobody could be told: {reason}");
                self.journal.append(Event::Warned { message }).await.map(|()| false)
            }
        }
    }

    /// What people offered for a milestone that came to nothing with it.
    pub(super) async fn refuse_offers_of(
        &self,
        milestone: usize,
        why: &str,
        is_final: bool,
    ) -> Result<(), Error> {
        let used: Vec<Offer> = {
            let state = self.journal.state();
            // Without what failed beside it, it may be red for no fault of its own.
            let found = state.milestone(milestone).filter(|found| is_final || !found.partial());
            let refused = |found: &&MilestoneState| found.active().iter().any(RoundState::refused);
            let found = found.filter(refused);
            let rounds = found.map(MilestoneState::active).unwrap_or_default();
            let by_hand =
                rounds.iter().flat_map(|round| &round.items).filter(|item| item.is_by_hand());
            by_hand.filter_map(|item| state.offer_for(&item.files())).cloned().collect()
        };
        for offer in used {
            self.refuse_offer(&offer, why).await?;
        }
        Ok(())
    }
}

pub(super) fn texts(contents: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let text = |(path, bytes): (String, Vec<u8>)| Some((path, String::from_utf8(bytes).ok()?));
    contents.into_iter().filter_map(text).collect()
}

fn told(paths: &[String]) -> String {
    let mut shown: Vec<String> =
        paths.iter().take(PATHS_TOLD).map(|path| format!("`{}`", path.replace('`', ""))).collect();
    if paths.len() > PATHS_TOLD {
        shown.push(format!("{} more", paths.len() - PATHS_TOLD));
    }
    shown.join(", ")
}
