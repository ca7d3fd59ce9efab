//! Runs that other machines left on the mirror: taken in before anything is
//! chosen, so that a fresh clone goes on where a machine that is gone stopped.

use std::collections::BTreeSet;

use checkpoint_store::{
    Error, Holder, MAX_EXPORT_BYTES, RunHead, RunId, RunStore, SqliteStore, ValueStore as _,
};
use orchestrator::mirror::{EXPORT, HOLD, MODELS, MOST_HOLD_BYTES, RUNS, Seen, remember, seen};
use orchestrator::{State, owed};
use tokio::time::{Instant, timeout_at};
use worktree::CommitId;

use crate::error::CommandError;
use crate::project::Project;

/// What the models taught is small.
const MOST_MODELS_BYTES: usize = 1024 * 1024;

/// [`bring`] for as long as there is time.
pub(crate) async fn bring_until(
    project: &Project,
    store: &SqliteStore,
    deadline: Instant,
) -> Result<BTreeSet<RunId>, CommandError> {
    match timeout_at(deadline, bring(project, store)).await {
        Ok(brought) => brought,
        Err(_) => {
            let remote = project.config.store.mirror.as_deref().unwrap_or_default();
            project.printer.warn(&cannot_be_asked(remote, &"it does not answer in time"));
            Ok(BTreeSet::new())
        }
    }
}

fn cannot_be_asked(remote: &str, why: &dyn std::fmt::Display) -> String {
    format!("{remote} cannot be asked for runs of other machines: {why}")
}

/// Takes in what is new on the mirror. One that is out of reach is warned of: what is known here
/// is gone on with, and a run that is another's by now is found out when it is taken up. Gives
/// the runs that went on elsewhere, and are not to be worked on here.
///
/// A fresh clone finds every run that there ever was, so refs are fetched together.
async fn bring(project: &Project, store: &SqliteStore) -> Result<BTreeSet<RunId>, CommandError> {
    let Some(remote) = &project.config.store.mirror else {
        return Ok(BTreeSet::new());
    };
    let mut bringing = Bringing {
        project,
        store,
        remote,
        before: store.runs().await?,
        elsewhere: BTreeSet::new(),
        stands: Vec::new(),
    };
    let known = seen(store).await?;
    let refs = match project.repository.remote_refs(remote, "refs/belay/").await {
        Ok(refs) => refs,
        Err(error) => {
            project.printer.warn(&cannot_be_asked(remote, &error));
            return Ok(bringing.elsewhere);
        }
    };
    let unseen: Vec<(String, CommitId)> =
        refs.into_iter().filter(|(name, bundle)| known.get(name) != Some(bundle)).collect();
    let runs: Vec<(String, CommitId)> =
        unseen.iter().filter(|(name, _)| name.starts_with(RUNS)).cloned().collect();
    bringing.fetch(&runs).await;
    let mut now = Seen::new();
    for (name, bundle) in unseen {
        match name.strip_prefix(RUNS).map(str::parse::<RunId>) {
            Some(Ok(run)) if bringing.take(&name, &bundle, run).await? => {}
            // The run of an idea, which says nothing by itself.
            None => {}
            _ => continue,
        }
        now.insert(name, bundle);
    }
    // Seen again by the next process where the branches could not be had.
    if bringing.take_branches().await? && !now.is_empty() {
        remember(store, &now).await?;
    }
    Ok(bringing.elsewhere)
}

/// Where runs come from and go to.
struct Bringing<'a> {
    project: &'a Project,
    store: &'a SqliteStore,
    remote: &'a str,
    /// The runs that were here before.
    before: Vec<RunHead>,
    elsewhere: BTreeSet<RunId>,
    stands: Vec<Stands>,
}

/// Where a run stands that came from the mirror.
struct Stands {
    run: RunId,
    branch: String,
    tip: CommitId,
}

impl Bringing<'_> {
    /// Together where that can be: a ref that vanishes meanwhile fails the call for all, and each
    /// is fetched again when it is read.
    async fn fetch(&self, refs: &[(String, CommitId)]) {
        if let Err(error) = self.project.repository.fetch_all(self.remote, refs).await {
            tracing::debug!(%error, "refs of the mirror are fetched one by one");
        }
    }

    /// Takes one run in; false if nothing can be made of what lies there.
    async fn take(
        &mut self,
        name: &str,
        bundle: &CommitId,
        run: RunId,
    ) -> Result<bool, CommandError> {
        let Self { project, store, remote, .. } = *self;
        let passed_over = |why: String| {
            let message = format!("the run {run} on {remote} is passed over: {why}");
            project.printer.warn(&message);
        };
        let (bundle, export) = match self.fetched(name, bundle).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                passed_over("it holds no export".to_owned());
                return Ok(false);
            }
            Err(error) => {
                passed_over(error.to_string());
                return Ok(false);
            }
        };
        match store.import(export).await {
            Ok(imported) if imported.run == run => {}
            Ok(_) => {
                passed_over("its export is of another run".to_owned());
                return Ok(false);
            }
            Err(Error::Diverged { .. }) => {
                self.elsewhere.insert(run);
                let why = "it went on on another machine, and differs from what is here";
                passed_over(why.to_owned());
                return Ok(false);
            }
            // It is worked on here; who has it is found out by whoever pushes next.
            Err(Error::Held { .. }) => return Ok(false),
            Err(error @ (Error::Storage { .. } | Error::Closed)) => return Err(error.into()),
            Err(error) => {
                passed_over(error.to_string());
                return Ok(false);
            }
        }
        let state = State::fold(&store.records(run, 0).await?);
        owed::take_over(store, run, &state).await?;
        self.tell_of_holder(run, &state, &bundle).await?;
        take_models(project, store, &bundle).await?;
        if let (Some(started), Some(tip)) = (state.started, state.tip) {
            self.stands.push(Stands { run, branch: started.branch, tip });
        }
        Ok(true)
    }

    /// Whoever has the run there and did not say that they stopped may still be at work: nobody
    /// can see that from here, so it is said what taking the run up does to them.
    async fn tell_of_holder(
        &self,
        run: RunId,
        state: &State,
        bundle: &CommitId,
    ) -> Result<(), CommandError> {
        if state.ended.is_some() || state.stopped.is_some() {
            return Ok(());
        }
        let found = self.project.repository.bundled(bundle, HOLD, MOST_HOLD_BYTES).await?;
        let holder = found.and_then(|text| serde_json::from_slice::<Holder>(&text).ok());
        if let Some(Holder { host, pid, since }) = holder {
            self.project.printer.warn(&format!(
                "the run {run} was last worked on by process {pid} on {host} since {since}, which did not say that it stopped; should it still work, it loses the run to whoever takes it up"
            ));
        }
        Ok(())
    }

    /// What was seen there, or if it could not be fetched together, what is there now.
    async fn fetched(
        &self,
        name: &str,
        seen: &CommitId,
    ) -> Result<Option<(CommitId, Vec<u8>)>, worktree::Error> {
        let repository = &self.project.repository;
        let bundle = match repository.has_commit(seen).await? {
            true => seen.clone(),
            false => match repository.fetch(self.remote, name).await? {
                Some(bundle) => bundle,
                None => return Ok(None),
            },
        };
        let export = repository.bundled(&bundle, EXPORT, MAX_EXPORT_BYTES).await?;
        Ok(export.map(|export| (bundle, export)))
    }

    /// The runs' branches as they are on the mirror, with what people committed there; false if
    /// it cannot be asked.
    async fn take_branches(&self) -> Result<bool, CommandError> {
        if self.stands.is_empty() {
            return Ok(true);
        }
        let heads = match self.project.repository.remote_refs(self.remote, "refs/heads/").await {
            Ok(heads) => heads,
            Err(error) => {
                let message = format!("{} cannot be asked for branches: {error}", self.remote);
                self.project.printer.warn(&message);
                return Ok(false);
            }
        };
        let head = |branch: &str| {
            let name = format!("refs/heads/{branch}");
            heads.iter().find(|(head, _)| *head == name).cloned()
        };
        let there: Vec<(String, CommitId)> =
            self.stands.iter().filter_map(|stands| head(&stands.branch)).collect();
        self.fetch(&there).await;
        for stands in &self.stands {
            let there = head(&stands.branch).map(|(_, commit)| commit);
            self.take_branch(stands, there).await?;
        }
        Ok(true)
    }

    async fn take_branch(
        &self,
        stands: &Stands,
        there: Option<CommitId>,
    ) -> Result<(), CommandError> {
        let (repository, Stands { run, branch, tip }) = (&self.project.repository, stands);
        let here = repository.branch_tip(branch).await?;
        // A branch that no run here has, or that stands elsewhere, is the person's: the run finds
        // that out.
        let has_it = |head: &RunHead| head.attributes["branch"].as_str() == Some(branch.as_str());
        let is_ours = self.before.iter().any(|head| head.id == *run || has_it(head));
        let may_move = match &here {
            None => true,
            Some(_) if !is_ours => false,
            Some(here) => repository.builds_on(tip, here).await.unwrap_or_default(),
        };
        let to = match there {
            Some(there) if repository.builds_on(&there, tip).await.unwrap_or_default() => there,
            _ => tip.clone(),
        };
        if !may_move || here.as_ref() == Some(&to) {
            return Ok(());
        }
        match repository.move_branch(branch, &to, here.as_ref()).await {
            Err(worktree::Error::BranchCheckedOut { .. } | worktree::Error::BranchMoved { .. }) => {
                Ok(())
            }
            moved => Ok(moved?),
        }
    }
}

/// What other machines learned of the models counts where nothing is known yet.
async fn take_models(
    project: &Project,
    store: &SqliteStore,
    bundle: &CommitId,
) -> Result<(), CommandError> {
    let key = orchestrator::memory::KEY;
    if !matches!(store.get(key).await, Ok(None)) {
        return Ok(());
    }
    let found = project.repository.bundled(bundle, MODELS, MOST_MODELS_BYTES).await?;
    let value = found.and_then(|text| serde_json::from_slice(&text).ok());
    let Some(value) = value else { return Ok(()) };
    match store.compare_and_swap(key, None, value).await {
        Err(error @ (Error::Storage { .. } | Error::Closed)) => Err(error.into()),
        // Somebody was quicker, or it is too large to be ours.
        _ => Ok(()),
    }
}
