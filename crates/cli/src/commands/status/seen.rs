//! What the store says, read once for each time that it says something else: whoever watches a
//! run of a night looks ten thousand times, and a journal is long.

use std::collections::BTreeMap;
use std::sync::Arc;

use checkpoint_store::{RunHead, RunId, RunStore, SqliteStore, ValueStore};
use jiff::Timestamp;
use model_providers::Providers;
use orchestrator::event::IssueKind;
use orchestrator::metrics::Metrics;
use orchestrator::{RunView, State, Status, UnderWay};
use serde_json::{Value, json};

use crate::commands::runs::damaged;
use crate::error::CommandError;
use crate::project::Project;
use crate::records;

/// All of it.
#[derive(Default)]
pub(super) struct Seen {
    /// The newest first.
    pub(super) runs: Vec<Arc<SeenRun>>,
    /// Of all runs together.
    pub(super) metrics: Metrics,
}

/// One run.
pub(super) struct SeenRun {
    pub(super) view: RunView,
    pub(super) waiting: Vec<Value>,
    pub(super) under_way: UnderWay,
    /// The milestone in progress, or the next one.
    pub(super) open: Option<usize>,
    metrics: Metrics,
}

/// By what one sees that a run is another than before.
pub(super) type Mark = (Timestamp, Option<String>, bool);

/// What was read before.
#[derive(Default)]
pub(super) struct Looking {
    store: Option<SqliteStore>,
    runs: BTreeMap<RunId, (Mark, Arc<SeenRun>)>,
    providers: Option<(Option<u64>, Arc<Providers>)>,
}

impl Looking {
    /// What there is now.
    pub(super) async fn look(
        &mut self,
        project: &Project,
    ) -> Result<(Seen, Arc<Providers>), CommandError> {
        if self.store.is_none() && project.has_state() {
            self.store = Some(project.open_store().await?);
        }
        let providers = self.providers(project).await?;
        let mut seen = Seen::default();
        let Some(store) = &self.store else { return Ok((seen, providers)) };
        let mut known = BTreeMap::new();
        for head in store.runs().await? {
            let mark = (head.updated_at, head.finished.clone(), head.holder.is_some());
            let run = match self.runs.remove(&head.id) {
                Some((before, run)) if before == mark => run,
                _ => Arc::new(SeenRun::read(store, &head).await?),
            };
            seen.metrics += &run.metrics;
            seen.runs.push(Arc::clone(&run));
            known.insert(head.id, (mark, run));
        }
        self.runs = known;
        Ok((seen, providers))
    }

    /// The models with what the store knows of them; the same ones until it knows something else.
    async fn providers(&mut self, project: &Project) -> Result<Arc<Providers>, CommandError> {
        let revision = match &self.store {
            Some(store) => store.get(orchestrator::memory::KEY).await?.map(|found| found.revision),
            None => None,
        };
        if let Some((_, providers)) =
            self.providers.as_ref().filter(|(known, _)| *known == revision)
        {
            return Ok(Arc::clone(providers));
        }
        let providers = project.providers(self.store.as_ref()).await?;
        self.providers = Some((revision, Arc::clone(&providers)));
        Ok(providers)
    }

    /// What changes whenever anything is written.
    pub(super) fn marks(&self) -> Vec<(RunId, Mark)> {
        self.runs.iter().map(|(id, (mark, _))| (*id, mark.clone())).collect()
    }
}

impl Seen {
    /// The run that a living process works on.
    pub(super) fn current(&self) -> Option<&SeenRun> {
        self.runs.iter().find(|run| run.view.status == Status::Running).map(|run| &**run)
    }
}

impl SeenRun {
    async fn read(store: &SqliteStore, head: &RunHead) -> Result<Self, CommandError> {
        let told = match records::told(store, head).await? {
            Ok(told) => told,
            Err(why) => {
                return Ok(Self {
                    view: damaged(head, why),
                    waiting: Vec::new(),
                    under_way: UnderWay::default(),
                    open: None,
                    metrics: Metrics::default(),
                });
            }
        };
        Ok(Self {
            view: RunView::new(head, &told.state),
            waiting: waiting(head, &told.state),
            under_way: UnderWay::of(&told.lines),
            open: told.state.open_milestone(),
            metrics: Metrics::of(&told.lines, &told.state),
        })
    }

    /// What is going on, for scripts.
    pub(super) fn working(&self, now: Timestamp) -> Value {
        let step = self.under_way.step.as_ref();
        json!({
            "milestone": step.and_then(|begun| begun.milestone).or(self.open),
            "step": step.map(|begun| begun.step),
            "step_ms": step.map(|begun| since(begun.at, now)),
            "asking": self.under_way.asking,
            "elapsed_ms": self.view.started_at.map(|at| since(at, now)),
        })
    }
}

/// Milliseconds from then to now.
pub(super) fn since(at: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond().saturating_sub(at.as_millisecond())).unwrap_or(0)
}

fn waiting(head: &RunHead, state: &State) -> Vec<Value> {
    let open = state.issues.iter().filter(|issue| !issue.closed);
    let waiting = open.filter_map(|issue| {
        let kind = match issue.kind {
            IssueKind::Blocked | IssueKind::ReviewRejected | IssueKind::Question => "question",
            IssueKind::ManualTask | IssueKind::FailedItem | IssueKind::DegradedReview => {
                "manual_task"
            }
            IssueKind::Recovery | IssueKind::DamagedState | IssueKind::Progress => return None,
        };
        Some(json!({ "kind": kind, "url": issue.url, "run": head.id.to_string() }))
    });
    waiting.collect()
}
