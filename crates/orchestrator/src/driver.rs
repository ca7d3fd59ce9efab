//! Drives a run: asks the state what is next, does it, writes it down.

use std::sync::Arc;

use agents::Asking;
use checkpoint_store::{Lease, RunId, RunStore, ValueStore};
use degradation_templates::Templates;
use forge::Forge;
use model_providers::{Chain, Observer};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use worktree::{CommitId, Guard, Repository, TreeId, Worktree};

use crate::event::{Event, Role, Status};
use crate::fact::Cause;
use crate::journal::{Journal, Line, Listener, parse};
use crate::next::{Step, next};
use crate::observer::Place;
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::source::TreeSource;
use crate::state::State;
use crate::steps::Built;
use crate::{Error, memory};

/// How often a step may fail in the same way before the run is parked.
const SAME_FAILURE: usize = 3;
/// As much of a step as names it in a record.
const STEP_NAME: usize = 200;
/// How often the same step may come up in a row before the run is stopped.
const SAME_STEP: usize = 3;

/// The chains of the three roles.
#[derive(Clone)]
pub struct Chains {
    /// Asked for the analysis and the plan.
    pub planner: Chain,
    /// Asked for change sets.
    pub coder: Chain,
    /// Asked for reviews.
    pub reviewer: Chain,
}

/// Everything that a run works with, wired by the caller.
#[derive(Clone)]
pub struct Parts {
    /// Where the journal is kept.
    pub store: Arc<dyn RunStore>,
    /// Where breakers and other shared values are kept.
    pub values: Arc<dyn ValueStore>,
    /// The repository that is worked on.
    pub repository: Repository,
    /// What may not be written.
    pub guard: Arc<Guard>,
    /// Where people are told what is left for them.
    pub forge: Arc<dyn Forge>,
    /// What is said when no model answers.
    pub templates: Arc<Templates>,
    /// Who is asked.
    pub chains: Chains,
    /// How they are asked.
    pub agents: agents::Settings,
    /// The rules of the run.
    pub settings: Settings,
    /// Where events are shown.
    pub listener: Arc<dyn Listener>,
    /// How the run is asked to stop.
    pub shutdown: Shutdown,
    /// When the last step must have ended; `None` is no limit.
    pub deadline: Option<Instant>,
}

/// How this process's work on a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// Its status now.
    pub status: Status,
    /// Why, where it is not simply completed.
    pub reason: Option<String>,
    /// Everything that is known of it.
    pub state: State,
}

pub(crate) struct Driver {
    pub(crate) parts: Parts,
    pub(crate) journal: Journal,
    pub(crate) run: RunId,
    pub(crate) worktree: OnceCell<Worktree>,
    pub(crate) built: tokio::sync::Mutex<Option<Built>>,
    begun: std::sync::atomic::AtomicUsize,
}

/// Works on a run that `lease` holds until it ends or is asked to stop.
///
/// The first row may already be there (a run just made); otherwise the
/// process is announced as one that goes on. Cancelling the future loses
/// nothing that was finished, but skips the clean end: ask `shutdown`.
pub async fn drive(mut parts: Parts, lease: Lease) -> Result<Outcome, Error> {
    // A checkout that a filter holds up must not hold up the end.
    parts.repository = parts.repository.with_cancel(parts.shutdown.token().clone());
    let run = lease.run();
    let entries = parts.store.records(run, 0).await?;
    let state = State::fold(&entries);
    let Some(started) = state.started.clone() else {
        return Err(Error::NoStart(run.to_string()));
    };
    let first = (entries.len() == 1).then(|| entries[0].clone());
    let after = state.ended.as_ref().map_or(Status::Interrupted, |(status, _)| *status);
    memory::book(&state, &parts.chains);
    let (journal, writer) =
        Journal::start(Arc::clone(&parts.store), lease, state, Arc::clone(&parts.listener));
    match first {
        Some(entry) => {
            if let Some((event, _)) = parse(&entry) {
                parts.listener.event(&Line {
                    seq: entry.seq,
                    at: entry.at,
                    run: run.to_string(),
                    event,
                });
            }
        }
        None => {
            let event = Event::RunResumed {
                idea: started.idea.id.clone(),
                branch: started.branch.clone(),
                after,
            };
            journal.reopen(event).await?;
        }
    }
    let store = Arc::clone(&parts.store);
    let driver = Driver {
        parts,
        journal,
        run,
        worktree: OnceCell::new(),
        built: tokio::sync::Mutex::default(),
        begun: 0.into(),
    };
    let result = driver.run().await;
    let state = driver.journal.state().clone();
    drop(driver);
    // The writer ends once the last handle is gone, and gives the lease back.
    if let Ok(lease) = writer.await {
        store.release(lease).await?;
    }
    let (status, reason) = result?;
    Ok(Outcome { run, status, reason, state })
}

impl Driver {
    async fn run(&self) -> Result<(Status, Option<String>), Error> {
        let limit = self.parts.deadline;
        let watch = async {
            match limit {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
            self.parts.shutdown.request("time limit");
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = self.steps() => self.close(result).await,
            () = watch => Err(Error::JournalClosed),
        }
    }

    /// Steps until the run ends (`Some`) or is asked to stop (`None`).
    async fn steps(&self) -> Result<Option<(Status, Option<String>)>, Error> {
        self.or_park(self.meet_the_branch().await).await?;
        self.meet_people().await?;
        let mut last: Option<Step> = None;
        let mut same = 0;
        loop {
            if self.parts.shutdown.trigger().is_some() {
                return Ok(None);
            }
            let step = next(&self.journal.state(), &self.parts.settings);
            same = if last.as_ref() == Some(&step) { same + 1 } else { 1 };
            if same > SAME_STEP {
                return Err(Error::NoHeadway(format!("{step:?}").chars().take(120).collect()));
            }
            last = Some(step.clone());
            if let Step::Finish { status, reason } = step {
                return Ok(Some((status, reason)));
            }
            if !self.may_begin(&step) {
                return Ok(None);
            }
            let result = self.perform(step.clone()).await;
            self.or_park_repeated(&step, result).await?;
            memory::save(&self.parts).await;
        }
    }

    /// An error that comes back with every process parks the run, so that it does not stand in
    /// the way of others for ever. Before that it ends the process, and the next one tries again.
    async fn or_park_repeated(&self, step: &Step, result: Result<(), Error>) -> Result<(), Error> {
        let error = match self.or_park(result).await {
            Ok(()) => return Ok(()),
            Err(error) if error.parks() && self.parts.shutdown.trigger().is_none() => error,
            Err(error) => return Err(error),
        };
        let step: String = format!("{step:?}").chars().take(STEP_NAME).collect();
        let message = error.to_string();
        let failed = Event::StepFailed { step: step.clone(), message: message.clone() };
        self.journal.append(failed).await?;
        let alike = |failure: &&(String, String)| failure.0 == step && failure.1 == message;
        let times = self.journal.state().failures.iter().filter(alike).count();
        if times < SAME_FAILURE {
            return Err(error);
        }
        let reason = format!("the same step failed {times} times: {message}");
        self.journal.append(Event::RunParked { reason }).await
    }

    /// What a person must decide ends the run, not the process: a branch that is theirs now
    /// keeps what was done for it, a tree that cannot be made ends its milestone.
    async fn or_park(&self, result: Result<(), Error>) -> Result<(), Error> {
        use worktree::Error as Refusal;
        let Err(Error::Repository(refusal)) = result else { return result };
        let reason = refusal.to_string();
        let open = self.journal.state().open_milestone();
        match (refusal, open) {
            (Refusal::BranchMoved { .. } | Refusal::BranchCheckedOut { .. }, _) => {
                self.journal.append(Event::RunParked { reason }).await
            }
            (Refusal::Refused { .. }, Some(milestone)) => {
                self.give_up(milestone, Status::Blocked, reason).await
            }
            (refusal, _) => Err(refusal.into()),
        }
    }

    /// Whether this process may begin the step, or was told to stop before it.
    fn may_begin(&self, step: &Step) -> bool {
        if self.parts.settings.plan_only && !matches!(step, Step::Analyze | Step::Plan) {
            self.parts.shutdown.request("plan only");
            return false;
        }
        if matches!(step, Step::BeginRound { cause: Cause::Plan, .. }) {
            let begun = self.begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if self.parts.settings.max_begun.is_some_and(|most| begun >= most) {
                self.parts.shutdown.request("milestone limit");
                return false;
            }
        }
        true
    }

    async fn close(
        &self,
        result: Result<Option<(Status, Option<String>)>, Error>,
    ) -> Result<(Status, Option<String>), Error> {
        memory::save(&self.parts).await;
        let (status, reason) = match result {
            Ok(Some(ended)) => ended,
            Ok(None) => return self.interrupt().await,
            Err(error) if error.cancelled() || self.parts.shutdown.trigger().is_some() => {
                tracing::debug!(%error, "a step was cut short by the shutdown");
                return self.interrupt().await;
            }
            Err(error @ Error::Unanswered(_)) => (Status::Failed, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        if status == Status::Completed {
            self.clear_away().await;
        }
        let event = self.finished(status, reason.clone());
        self.journal.finish(event, status.as_str()).await?;
        Ok((status, reason))
    }

    /// The worktree of a run that is done holds nothing that its commits do not.
    async fn clear_away(&self) {
        if !self.worktree_path().exists() {
            return;
        }
        let removed = match self.worktree().await {
            Ok(worktree) => worktree.clone().remove().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "the run's worktree was left behind");
        }
    }

    async fn interrupt(&self) -> Result<(Status, Option<String>), Error> {
        let trigger = self.parts.shutdown.trigger().unwrap_or("cancelled").to_owned();
        self.journal.append(Event::ShutdownRequested { trigger: trigger.clone() }).await?;
        let phase = serde_json::to_value(self.journal.state().phase)?;
        let phase = phase.as_str().unwrap_or_default().to_owned();
        self.journal.append(Event::CheckpointSaved { milestone: None, phase }).await?;
        let event = self.finished(Status::Interrupted, Some(trigger.clone()));
        self.journal.append(event).await?;
        Ok((Status::Interrupted, Some(trigger)))
    }

    fn finished(&self, status: Status, reason: Option<String>) -> Event {
        let state = self.journal.state();
        Event::RunFinished {
            status,
            branch: state
                .started
                .as_ref()
                .map(|started| started.branch.clone())
                .unwrap_or_default(),
            commits: state.commits(),
            partial: state.partial(),
            degraded: state.degraded() || status == Status::Degraded,
            reason,
        }
    }

    pub(crate) fn asking<'a>(&'a self, chain: &'a Chain, observer: &'a dyn Observer) -> Asking<'a> {
        Asking {
            chain,
            deadline: self.parts.deadline,
            cancel: self.parts.shutdown.token(),
            observer,
            degradation: self.parts.settings.degradation.then_some(&*self.parts.templates),
        }
    }

    pub(crate) fn place(&self, role: Role, milestone: Option<usize>, item: Option<usize>) -> Place {
        Place { journal: self.journal.clone(), role, milestone, item }
    }

    /// The commit that the next one stands on.
    pub(crate) fn tip(&self) -> Result<CommitId, Error> {
        self.journal.state().tip.clone().ok_or(Error::Inconsistent("no base commit"))
    }

    pub(crate) async fn tip_tree(&self) -> Result<TreeId, Error> {
        Ok(self.parts.repository.tree_of(&self.tip()?).await?)
    }

    pub(crate) async fn source(&self, tree: TreeId) -> Result<TreeSource, Error> {
        Ok(TreeSource::open(&self.parts.repository, tree, self.parts.settings.max_file_bytes)
            .await?)
    }

    fn worktree_path(&self) -> std::path::PathBuf {
        self.parts.settings.worktrees.join(self.run.to_string())
    }

    /// The run's worktree, made on first use.
    pub(crate) async fn worktree(&self) -> Result<&Worktree, Error> {
        let tip = self.tip()?;
        let path = self.worktree_path();
        let make = || async { self.parts.repository.worktree(&path, &tip).await };
        Ok(self.worktree.get_or_try_init(make).await?)
    }
}
