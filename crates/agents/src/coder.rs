//! The coder: one work item's files, written by a model.
//!
//! No template stands behind a coder: a stub on the branch is worse than none. A coder may ask for
//! further files a few times; each time the whole question is put afresh with them, since no
//! half-finished exchange has to be kept and any model of the chain can answer it.

mod changes;
mod check;
mod hand_over;
mod prompt;
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;

use model_providers::{Attempt, Workplace};
use serde::{Deserialize, Serialize};

use crate::answers::Plan;
use crate::asking::{Answered, Asking, Failed, Question, Settings, Unwritable};
use crate::divide::WorkItem;
use crate::idea::Idea;
use crate::place::Place;
use crate::schema;
use crate::source::{Source, View};
pub(crate) use changes::RawChanges;
use check::{ItemRules, Outcome, Outside};
use hand_over::{HandOvers, WithHandOver};
use prompt::Desk;
use work::ItemWork;

/// What a coder is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct CoderInput<'a> {
    /// The idea.
    pub idea: &'a Idea,
    /// The plan.
    pub plan: &'a Plan,
    /// The index of the milestone in the plan, from 0.
    pub milestone: usize,
    /// The coder's part of the milestone.
    pub item: &'a WorkItem,
    /// What earlier milestones did, and what they failed to do.
    pub earlier: &'a [String],
    /// Findings of a review or failing tests that are to be mended; empty at first.
    pub findings: &'a [String],
}

/// One file as it was and as it is to be.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ResolvedChange {
    /// The path from the repository's top.
    pub path: String,
    /// Its text before; `None` when it was not there, or is deleted without being text.
    pub before: Option<String>,
    /// Its text after; `None` deletes it, unless it is a moved one (see `from`).
    pub after: Option<String>,
    /// Why, in the coder's words.
    pub explanation: String,
    /// The file that this one was before: another change of the same set deletes it. With it,
    /// `after` is `None` when the file moves as it is, and nothing is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What a coder did with its work item. Empty only when the coder said that nothing is to do.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// The changes, one for each file at most, all within the work item.
    pub changes: Vec<ResolvedChange>,
    /// What the coder says about them.
    pub notes: String,
}

/// Asks a coder for a work item's changes. Nothing stands in: `asking.degradation` is not looked at.
/// Programs of the chain that can work do so in `place`, if there is one; the caller clears it away.
///
/// # Errors
/// [`Failed::Unanswered`] when no model gave changes that pass every check, or on cancellation;
/// [`Failed::Source`] when files cannot be read.
pub async fn implement(
    asking: &Asking<'_>,
    input: &CoderInput<'_>,
    source: &dyn Source,
    settings: &Settings,
    place: Option<Arc<dyn Place>>,
) -> Result<Answered<ChangeSet>, Failed> {
    let view = View::new(source, settings)?;
    let mut desk = Desk::open(asking, input, &view, settings).await?;
    let place = place.filter(|_| asking.chain.can_work());
    let left = Arc::default();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut rounds = settings.rounds;
    loop {
        let round = Round { input, view: &view, desk: &desk, rounds, settings };
        let asked = round.question(place.clone(), &left).ask(asking).await;
        let answered = match asked {
            Ok(answered) => answered,
            Err(failed) => return Err(after(attempts, failed)),
        };
        append(&mut attempts, answered.attempts);
        match answered.value {
            Outcome::Done(value) => {
                return Ok(Answered {
                    value,
                    model: answered.model,
                    attempts,
                    degraded: answered.degraded,
                });
            }
            Outcome::Needs(paths) => {
                // The check lets no coder ask when no round is left, so this ends.
                rounds = rounds.saturating_sub(1);
                if let Err(failed) = desk.add(asking, &view, &paths).await {
                    return Err(after(attempts, failed));
                }
            }
        }
    }
}

/// One time that the question is put.
struct Round<'r> {
    input: &'r CoderInput<'r>,
    view: &'r View<'r>,
    desk: &'r Desk,
    /// How often the coder may still ask for files.
    rounds: u32,
    settings: &'r Settings,
}

impl Round<'_> {
    fn question(&self, place: Option<Arc<dyn Place>>, left: &Arc<HandOvers>) -> Question<Outcome> {
        let paths: Vec<String> = self.paths().cloned().collect();
        let mut body = schema::of::<RawChanges>();
        schema::restrict_paths(&mut body, &paths);
        let rules = Arc::new(self.rules());
        let sheet = prompt::changes(self.input, &self.view.known, self.desk, self.rounds);
        let workplace = place.map(|place| {
            let work = ItemWork {
                place,
                rules: Arc::clone(&rules),
                sheet: prompt::work(self.input, &self.view.known, self.desk, self.settings),
                left: Arc::clone(left),
                settings: self.settings.work,
            };
            Arc::new(work) as Arc<dyn Workplace>
        });
        Question {
            name: "changes",
            schema: body,
            prompt: Arc::new(WithHandOver { sheet, left: Arc::clone(left) }),
            read: Arc::new(move |value, _| rules.read(value)),
            stand_in: None,
            workplace,
        }
    }

    fn rules(&self) -> ItemRules {
        let (input, view, desk) = (self.input, self.view, self.desk);
        let unwritable = &self.settings.unwritable;
        let shown: BTreeSet<String> = desk.seen().cloned().collect();
        let texts =
            self.paths().filter_map(|path| Some((path.clone(), desk.texts.get(path)?.clone())));
        ItemRules {
            known: Arc::clone(&view.known),
            files: input.item.files.clone(),
            before: texts.collect(),
            shown: if self.rounds > 0 { Some(shown) } else { None },
            optional: optional(input, view, unwritable),
            unwritable: Arc::clone(unwritable),
            mending: !input.findings.is_empty(),
            outside: self.settings.work.allow_outside.then(|| self.outside()),
        }
    }

    fn paths(&self) -> impl Iterator<Item = &String> {
        self.input.item.files.iter().map(|file| &file.path)
    }

    fn outside(&self) -> Outside {
        let milestone = self.input.plan.milestones.get(self.input.milestone);
        let all = milestone.into_iter().flat_map(|milestone| milestone.files.iter());
        let own: BTreeSet<&String> = self.paths().collect();
        Outside {
            others: all.filter(|path| !own.contains(path)).cloned().collect(),
            guard: Arc::clone(&self.settings.path_guard),
        }
    }
}

/// Files of the item that need not be written: what the project's commands write, and what the plan
/// deletes and is gone, which a later round may only bring back.
fn optional(input: &CoderInput<'_>, view: &View<'_>, unwritable: &Unwritable) -> BTreeSet<String> {
    let is_gone = |path: &String| prompt::is_deleted(input, path) && !view.known.exists(path);
    let paths = input.item.files.iter().map(|file| &file.path);
    paths.filter(|path| unwritable(path).is_some() || is_gone(path)).cloned().collect()
}

/// The attempts of the rounds counted on, as those of one request.
fn append(attempts: &mut Vec<Attempt>, mut further: Vec<Attempt>) {
    let earlier = attempts.last().map_or(0, |attempt| attempt.number);
    for attempt in &mut further {
        attempt.number = attempt.number.saturating_add(earlier);
    }
    attempts.append(&mut further);
}

/// A failure that carries the attempts of the rounds before it.
fn after(mut attempts: Vec<Attempt>, failed: Failed) -> Failed {
    match failed {
        Failed::Unanswered(mut unanswered) => {
            append(&mut attempts, std::mem::take(&mut unanswered.attempts));
            unanswered.attempts = attempts;
            Failed::Unanswered(unanswered)
        }
        other => other,
    }
}
