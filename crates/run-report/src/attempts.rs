//! Every attempt of the run, with the class it ended in: a letter, a word and a pattern for each,
//! so that nobody has to tell colours apart.

use std::collections::BTreeMap;

use model_providers::{Class, ModelId, Tokens};
use orchestrator::{Event, Line, Role};

use crate::axis::Axis;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Answered,
    Failed(Class),
    /// The process ended, or went on with something else, before there was an answer.
    CutShort,
}

impl End {
    pub(crate) const ALL: [Self; 12] = [
        Self::Answered,
        Self::Failed(Class::Timeout),
        Self::Failed(Class::Unavailable),
        Self::Failed(Class::RateLimited),
        Self::Failed(Class::QuotaExhausted),
        Self::Failed(Class::Auth),
        Self::Failed(Class::ContextOverflow),
        Self::Failed(Class::Refused),
        Self::Failed(Class::InvalidOutput),
        Self::Failed(Class::InvalidRequest),
        Self::Failed(Class::Cancelled),
        Self::CutShort,
    ];

    /// The mark in the strip of a model.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::Answered => "\u{2713}",
            Self::Failed(Class::Timeout) => "T",
            Self::Failed(Class::Unavailable) => "U",
            Self::Failed(Class::RateLimited) => "L",
            Self::Failed(Class::QuotaExhausted) => "Q",
            Self::Failed(Class::Auth) => "A",
            Self::Failed(Class::ContextOverflow) => "O",
            Self::Failed(Class::Refused) => "R",
            Self::Failed(Class::InvalidOutput) => "I",
            Self::Failed(Class::InvalidRequest) => "N",
            Self::Failed(Class::Cancelled) => "C",
            Self::CutShort => "?",
        }
    }

    /// The word for people.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Answered => "answered".to_owned(),
            Self::Failed(class) => class.as_str().replace('_', " "),
            Self::CutShort => "cut short".to_owned(),
        }
    }

    /// The name in the style sheet.
    pub(crate) fn style(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(class) => class.as_str(),
            Self::CutShort => "cut",
        }
    }
}

/// One attempt.
pub(crate) struct Attempt {
    pub(crate) role: Role,
    pub(crate) model: ModelId,
    pub(crate) position: usize,
    pub(crate) milestone: Option<usize>,
    pub(crate) item: Option<usize>,
    pub(crate) end: End,
    /// When it began and how long it took, in milliseconds of work.
    pub(crate) began: u64,
    pub(crate) took: u64,
    pub(crate) status: Option<u16>,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) usd: Option<f64>,
    pub(crate) message: Option<String>,
}

/// The try that is under way at a place: a chain may have two at once, of different numbers.
type Place = (Role, Option<usize>, Option<usize>, u32);

/// Every attempt, in the order in which they began.
pub(crate) fn all(lines: &[Line], axis: &Axis) -> Vec<Attempt> {
    let mut fold = Fold::default();
    for (row, line) in lines.iter().enumerate() {
        fold.take(&line.event, row, axis.at(row));
    }
    fold.cut_short(axis.length());
    fold.ended.sort_by_key(|(row, _)| *row);
    fold.ended.into_iter().map(|(_, attempt)| attempt).collect()
}

struct Begun {
    model: ModelId,
    position: usize,
    row: usize,
    at: u64,
}

#[derive(Default)]
struct Fold {
    open: BTreeMap<Place, Begun>,
    /// Each with the row that it began with: of two in one millisecond only that tells which was first.
    ended: Vec<(usize, Attempt)>,
}

impl Fold {
    fn take(&mut self, event: &Event, row: usize, now: u64) {
        match event {
            Event::AttemptStarted { role, model, attempt, position, milestone, item, .. } => {
                let place = (*role, *milestone, *item, *attempt);
                let (model, position) = (model.clone(), *position);
                self.open.insert(place, Begun { model, position, row, at: now });
            }
            Event::AttemptSucceeded { role, attempt, milestone, item, .. }
            | Event::AttemptFailed { role, attempt, milestone, item, .. } => {
                let begun = self.open.remove(&(*role, *milestone, *item, *attempt));
                let row = begun.as_ref().map_or(row, |begun| begun.row);
                let ended = ended(event, begun.map(|begun| begun.at), now);
                self.ended.extend(ended.map(|attempt| (row, attempt)));
            }
            Event::RunResumed { .. } => self.cut_short(now),
            _ => {}
        }
    }

    /// What is open now never got its answer.
    fn cut_short(&mut self, now: u64) {
        for ((role, milestone, item, _), begun) in std::mem::take(&mut self.open) {
            let attempt = Attempt {
                role,
                model: begun.model,
                position: begun.position,
                milestone,
                item,
                end: End::CutShort,
                began: begun.at,
                took: now.saturating_sub(begun.at),
                status: None,
                tokens: None,
                usd: None,
                message: None,
            };
            self.ended.push((begun.row, attempt));
        }
    }
}

fn ended(event: &Event, began_at: Option<u64>, now: u64) -> Option<Attempt> {
    let began = |took: u64| began_at.unwrap_or_else(|| now.saturating_sub(took));
    match event.clone() {
        Event::AttemptSucceeded {
            role,
            model,
            position,
            latency_ms,
            tokens,
            usd,
            milestone,
            item,
            ..
        } => Some(Attempt {
            role,
            model,
            position,
            milestone,
            item,
            end: End::Answered,
            began: began(latency_ms),
            took: latency_ms,
            status: None,
            tokens,
            usd,
            message: None,
        }),
        Event::AttemptFailed {
            role,
            model,
            class,
            position,
            latency_ms,
            message,
            status,
            tokens,
            usd,
            milestone,
            item,
            ..
        } => Some(Attempt {
            role,
            model,
            position,
            milestone,
            item,
            end: End::Failed(class),
            began: began(latency_ms),
            took: latency_ms,
            status,
            tokens,
            usd,
            message,
        }),
        _ => None,
    }
}
