//! Drives a run: asks the state what is next, does it, writes it down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use agents::Asking;
use checkpoint_store::{Holder, Lease, RunId, RunStore, ValueStore};
use degradation_templates::Templates;
use forge::{Forge, PullRequests};
use model_providers::{Attempt, Chain, Class, Observer};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use worktree::{CommitId, Guard, Repository, TreeId, Worktree};

use crate::ending::MIRROR;
use crate::event::{Event, Role, Status};
use crate::fact::Cause;
use crate::journal::{Journal, Line, Listener, parse};
use crate::next::{Step, next};
use crate::observer::Place;
use crate::settings::Settings;
use crate::shutdown::{LEASE_LOST, Shutdown};
use crate::source::TreeSource;
use crate::state::State;
use crate::steps::{Built, Start};
use crate::{Error, memory, progress};

/// How often a step may fail in the same way before the run is parked.
const SAME_FAILURE: usize = 3;
/// As much of a step as names it in a record.
const STEP_NAME: usize = 200;
/// So short before its end a run cuts the models' time rather than the models being slow.
const NEARLY_OVER: Duration = Duration::from_secs(2);
/// How often it is looked at who holds the run.
const LEASE_BEAT: Duration = Duration::from_secs(1);
/// How many processes may end, one after the other, without having finished anything.
const MOST_DEATHS: usize = 5;
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
    /// Where the branch is offered to people, if anywhere.
    pub pull_requests: Arc<dyn PullRequests>,
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
    /// Who works on the run, for others who want it.
    pub holder: Holder,
    /// How the run is asked to stop.
    pub shutdown: Shutdown,
    /// When the last step must have ended; `None` is no limit.
    pub deadline: Option<Instant>,
    /// Asked before each milestone: what the machine is short of, in words, if a milestone should
    /// not be begun for it.
    pub short_of: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Parts {
    /// The run's journal, and what gives its lease back in the end.
    pub(crate) fn journal(&self, lease: Lease, state: State) -> (Journal, JoinHandle<Lease>) {
        let (store, listener) = (Arc::clone(&self.store), Arc::clone(&self.listener));
        Journal::start(store, lease, state, listener, self.shutdown.clone())
    }
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
    pub(crate) update: tokio::sync::Mutex<Option<Start>>,
    begun: AtomicUsize,
    stepped: AtomicBool,
    pub(crate) announced: AtomicBool,
}

/// Works on a run that `lease` holds until it ends or is asked to stop.
///
/// The first row may already be there (a run just made); otherwise the
/// process is announced as one that goes on. Cancelling the future loses
/// nothing that was finished, but skips the clean end: ask `shutdown`.
///
/// `known` is the run's state as it was read before, so that a long journal is
/// not read twice; what was written since is added.
pub async fn drive(mut parts: Parts, lease: Lease, known: Option<State>) -> Result<Outcome, Error> {
    // A checkout that a filter holds up must not hold up the end.
    parts.repository = parts.repository.with_cancel(parts.shutdown.token().clone());
    let run = lease.run();
    let mut state = known.unwrap_or_default();
    for entry in parts.store.records(run, state.read_to).await? {
        state.apply(&entry);
    }
    let Some(started) = state.started.clone() else {
        return Err(Error::NoStart(run.to_string()));
    };
    let fresh = state.worked_to == 0;
    // Rows that no process has shown yet: a run's first one, and repairs.
    let unseen = parts.store.records(run, state.worked_to).await?;
    let after = state.ended.as_ref().map_or(Status::Interrupted, |(status, _)| *status);
    memory::book(&state, &parts.chains);
    let (journal, writer) = parts.journal(lease, state);
    for entry in unseen {
        if let Some((event, _)) = parse(&entry) {
            let (seq, at, run) = (entry.seq, entry.at, run.to_string());
            parts.listener.event(&Line { seq, at, run, event });
        }
    }
    let store = Arc::clone(&parts.store);
    let driver = Driver::new(parts, journal, run);
    let begun = if fresh {
        driver.begin_new().await
    } else {
        let (idea, branch) = (started.idea.id.clone(), started.branch.clone());
        driver.go_on(Event::RunResumed { idea, branch, after }).await
    };
    let result = match begun {
        Ok(()) => driver.run().await,
        Err(error) => Err(error),
    };
    let state = driver.journal.state().clone();
    drop(driver);
    // The writer ends once the last handle is gone, and gives the lease back.
    let released = match writer.await {
        Ok(lease) => store.release(lease).await,
        Err(_) => Ok(()),
    };
    let (status, reason) = result?;
    released?;
    Ok(Outcome { run, status, reason, state })
}

impl Driver {
    pub(crate) fn new(parts: Parts, journal: Journal, run: RunId) -> Self {
        Self {
            parts,
            journal,
            run,
            worktree: OnceCell::new(),
            built: tokio::sync::Mutex::default(),
            update: tokio::sync::Mutex::default(),
            begun: 0.into(),
            stepped: false.into(),
            announced: false.into(),
        }
    }

    /// A run that another machine has begun for the same idea is none: it stands in nobody's way.
    async fn begin_new(&self) -> Result<(), Error> {
        let claimed = self.claim().await;
        if let Err(error) = &claimed {
            let reason = Some(format!("another machine works on this idea: {error}"));
            let event = self.finished(Status::Failed, reason);
            self.journal.finish(event, Status::Failed.as_str()).await?;
        }
        self.put_off_mirror(claimed?).await
    }

    async fn go_on(&self, resumed: Event) -> Result<(), Error> {
        let put_off = self.claim().await?;
        let unanswered = self.unanswered();
        self.journal.reopen(resumed).await?;
        self.find_again(unanswered).await?;
        self.put_off_mirror(put_off).await?;
        self.salvage_workspaces().await?;
        let (deaths, phase) = {
            let state = self.journal.state();
            (state.deaths, state.phase)
        };
        if deaths < MOST_DEATHS {
            return Ok(());
        }
        let reason = format!(
            "{deaths} processes in a row ended without a word and without having finished anything; the last thing begun was {phase}"
        );
        self.journal.append(Event::RunParked { reason, branch: false }).await
    }

    async fn put_off_mirror(&self, reason: Option<String>) -> Result<(), Error> {
        match reason {
            Some(reason) => self.defer("mirror", reason, MIRROR).await,
            None => Ok(()),
        }
    }

    async fn run(&self) -> Result<(Status, Option<String>), Error> {
        tokio::select! {
            result = self.steps() => self.close(result).await,
            error = self.watch() => Err(error),
        }
    }

    /// Asks for an end when the time is over, and writes down that one was asked for while what
    /// runs is still being ended. Never ends by itself, unless nothing can be written.
    async fn watch(&self) -> Error {
        let time = async {
            match self.parts.deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => self.parts.shutdown.request("time limit"),
            () = self.lose_the_lease() => self.parts.shutdown.request(LEASE_LOST),
            () = self.parts.shutdown.token().cancelled() => {}
        }
        if self.parts.shutdown.lease_is_lost() {
            // What runs is being ended; nothing is written down.
            return std::future::pending().await;
        }
        match self.announce_end().await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        }
    }

    /// Ends when another process holds the run, as after somebody deleted the lock files: a step
    /// that takes long writes nothing that would be refused.
    async fn lose_the_lease(&self) {
        let mut ours = None;
        loop {
            let heads = self.parts.store.runs().await.unwrap_or_default();
            let head = heads.into_iter().find(|head| head.id == self.run);
            let holder = head.and_then(|head| head.holder);
            match (&ours, holder) {
                (None, Some(holder)) => ours = Some(holder),
                (Some(ours), Some(holder)) if *ours != holder => return,
                _ => {}
            }
            tokio::time::sleep(LEASE_BEAT).await;
        }
    }

    /// Steps until the run ends (`Some`) or is asked to stop (`None`).
    async fn steps(&self) -> Result<Option<(Status, Option<String>)>, Error> {
        self.parts.repository.own(self.journal.state().own_commits().cloned());
        self.or_park(self.meet_the_branch().await).await?;
        self.or_park(self.meet_the_base().await).await?;
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
            if progress::changes(&step) {
                self.tell_progress().await?;
            }
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
        self.journal.append(Event::RunParked { reason, branch: false }).await
    }

    /// What a person must decide ends the run, not the process: a branch that is theirs now
    /// keeps what was done for it, a tree that cannot be made ends its milestone.
    async fn or_park(&self, result: Result<(), Error>) -> Result<(), Error> {
        use worktree::Error as Refusal;
        let Err(Error::Repository(refusal)) = result else { return result };
        let reason = refusal.to_string();
        let open = self.journal.state().open_milestone();
        match (refusal, open) {
            (Refusal::BranchMoved { .. }, _) => {
                let tip = self.tip()?;
                let reason =
                    format!("{reason}; put it back to {tip}, or rename it (git branch -m)");
                self.journal.append(Event::RunParked { reason, branch: true }).await
            }
            (Refusal::BranchCheckedOut { .. }, _) => {
                let reason = format!("{reason}; switch to another branch there");
                self.journal.append(Event::RunParked { reason, branch: true }).await
            }
            (Refusal::Refused { .. }, Some(milestone)) => {
                self.give_up(milestone, Status::Blocked, reason).await
            }
            (refusal, _) => Err(refusal.into()),
        }
    }

    /// Whether this process may begin the step, or has to stop before it.
    fn may_begin(&self, step: &Step) -> bool {
        let first = !self.stepped.swap(true, Ordering::Relaxed);
        // A process that begins nothing would never learn that a step takes less time now.
        if !first && self.has_no_time_for(step) {
            self.parts.shutdown.request("time limit");
            return false;
        }
        if self.parts.settings.plan_only && !matches!(step, Step::Analyze | Step::Plan) {
            self.parts.shutdown.request("plan only");
            return false;
        }
        if let Step::BeginRound { cause: Cause::Plan, milestone, .. } = step {
            if let Some(short) = (self.parts.short_of)() {
                self.parts.shutdown.request(&short);
                return false;
            }
            // An update begins nothing of the plan.
            let is_update = self.journal.state().updating() == Some(*milestone);
            let begun = self.begun.fetch_add(usize::from(!is_update), Ordering::Relaxed);
            if !is_update && self.parts.settings.max_begun.is_some_and(|most| begun >= most) {
                self.parts.shutdown.request("milestone limit");
                return false;
            }
        }
        true
    }

    /// Whether the step took longer than what is left, when the run last did one of its kind.
    fn has_no_time_for(&self, step: &Step) -> bool {
        let Some((deadline, name)) = self.parts.deadline.zip(step.name()) else {
            return false;
        };
        let took = self.journal.state().took(name);
        crate::clock::now().checked_add(took).is_none_or(|end| end > deadline)
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

    /// Refuses what a template said only because the run's own time was over: that is no want of a
    /// model. The step is asked again by the next process.
    pub(crate) fn unless_out_of_time(
        &self,
        degraded: bool,
        attempts: &[Attempt],
    ) -> Result<(), Error> {
        let timed_out = attempts.iter().any(|attempt| attempt.class == Some(Class::Timeout));
        let near = |deadline: Instant| {
            crate::clock::now().checked_add(NEARLY_OVER).is_none_or(|soon| soon >= deadline)
        };
        if degraded && timed_out && self.parts.deadline.is_some_and(near) {
            self.parts.shutdown.request("time limit");
            return Err(Error::Stopped);
        }
        Ok(())
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

    pub(crate) fn worktree_path(&self) -> std::path::PathBuf {
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
