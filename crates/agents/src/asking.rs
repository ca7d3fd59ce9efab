//! One question to one role: the request, its checks, its stand-in, and what comes back.
//!
//! A model's answer and a template's go through the same reading. The only difference is that a
//! template may have less to say, and that is a flag here and not a second way through the code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use degradation_templates::Templates;
use model_providers::{
    Attempt, Chain, ModelId, Observer, Prompt, Reason, Request, Schema, Unanswered, Workplace,
};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::place::WorkRules;
use crate::source::SourceError;

/// Whom to ask, for how long, and what stands in.
#[derive(Clone)]
pub struct Asking<'a> {
    /// The role's models.
    pub chain: &'a Chain,
    /// When the answer must be there; the chain's own timeout applies as well.
    pub deadline: Option<Instant>,
    /// Cancelling ends the question as [`Failed::Unanswered`] with [`Reason::Cancelled`].
    pub cancel: &'a CancellationToken,
    /// Told of every attempt; must not block.
    pub observer: &'a dyn Observer,
    /// What answers when no model does; `None` leaves the question unanswered.
    pub degradation: Option<&'a Templates>,
}

/// What a role answered.
#[derive(Clone, Debug)]
pub struct Answered<T> {
    /// The answer, checked.
    pub value: T,
    /// The model that gave it; `None` is the template.
    pub model: Option<ModelId>,
    /// Every attempt, in order; of a coder who asked for more files, those of every round.
    pub attempts: Vec<Attempt>,
    /// Whether the template gave it.
    pub degraded: bool,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No model answered and nothing stands in, or the caller cancelled.
    #[error(transparent)]
    Unanswered(Unanswered),
    /// The repository's files could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The template that should stand in could not be rendered.
    #[error(transparent)]
    Template(#[from] degradation_templates::Error),
}

impl Failed {
    /// The attempts that were made.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Unanswered(unanswered) => &unanswered.attempts,
            Self::Source(_) | Self::Template(_) => &[],
        }
    }
}

/// Says why a path may not be written, in a sentence that a model can act on.
pub type PathGuard = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Says why no model writes a file, if none does, in a sentence that names it: `Cargo.lock is written
/// by the project's own command`.
pub type Unwritable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the roles may see and say.
#[derive(Clone)]
pub struct Settings {
    /// Files shown to planner and coder where they exist: the project's own rules.
    pub context_files: Vec<String>,
    /// Globs of files that are never shown to a model, in any case of letters.
    pub deny: Vec<String>,
    /// How often a coder may ask for further files.
    pub rounds: u32,
    /// The most milestones a plan may have.
    pub max_milestones: usize,
    /// The largest file that is shown or accepted, in bytes.
    pub max_file_bytes: u64,
    /// The most questions that an analysis may put to people; 0 asks nothing.
    pub max_questions: usize,
    /// The worktree's guard, for the paths of plans.
    pub path_guard: PathGuard,
    /// Lockfiles and generated files: a plan loses them with a note, changes to them are refused.
    pub unwritable: Unwritable,
    /// For coders that are programs and work in a folder.
    pub work: WorkRules,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("context_files", &self.context_files)
            .field("deny", &self.deny)
            .field("rounds", &self.rounds)
            .field("max_milestones", &self.max_milestones)
            .field("max_file_bytes", &self.max_file_bytes)
            .field("max_questions", &self.max_questions)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

/// Who gave the value that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Giver {
    Model,
    Template,
}

/// Reads a value as an answer; the error is shown to the model for repair.
pub(crate) type Read<T> = Arc<dyn Fn(&Value, Giver) -> Result<T, String> + Send + Sync>;

/// One question, ready to be asked.
pub(crate) struct Question<T> {
    pub(crate) name: &'static str,
    pub(crate) schema: Value,
    pub(crate) prompt: Arc<dyn Prompt>,
    pub(crate) read: Read<T>,
    pub(crate) stand_in: Option<Value>,
    pub(crate) workplace: Option<Arc<dyn Workplace>>,
}

impl<T: Send + 'static> Question<T> {
    /// Asks the chain and reads its answer.
    pub(crate) async fn ask(self, asking: &Asking<'_>) -> Result<Answered<T>, Failed> {
        // Once the stand-in was fetched no model is asked any more, so what is checked is its value.
        let stood_in = Arc::new(AtomicBool::new(false));
        let request = self.request(&stood_in);
        let asked =
            asking.chain.ask(&request, asking.deadline, asking.cancel, asking.observer).await;
        let answer = asked.map_err(Failed::Unanswered)?;
        let giver = if answer.degraded { Giver::Template } else { Giver::Model };
        match (self.read)(&answer.value, giver) {
            Ok(value) => Ok(Answered {
                value,
                model: answer.model,
                attempts: answer.attempts,
                degraded: answer.degraded,
            }),
            Err(message) => Err(Failed::Unanswered(Unanswered {
                reason: Reason::StandIn { message },
                attempts: answer.attempts,
            })),
        }
    }

    fn request(&self, stood_in: &Arc<AtomicBool>) -> Request {
        let read = Arc::clone(&self.read);
        let checked = Arc::clone(stood_in);
        let validate = move |value: &Value| {
            let giver = if checked.load(Ordering::SeqCst) { Giver::Template } else { Giver::Model };
            read(value, giver).map(drop)
        };
        let stand_in = self.stand_in.clone().map(|value| {
            let fetched = Arc::clone(stood_in);
            let give = move |_: &[Attempt]| {
                fetched.store(true, Ordering::SeqCst);
                value.clone()
            };
            Arc::new(give) as model_providers::StandIn
        });
        Request {
            schema: Schema { name: self.name.to_owned(), body: self.schema.clone() },
            prompt: Arc::clone(&self.prompt),
            validate: Some(Arc::new(validate)),
            stand_in,
            workplace: self.workplace.clone(),
        }
    }
}
