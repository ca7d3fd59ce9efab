//! What all connections of a server share: the script, how far it has come, and the ledger.
//! A decision is made under one lock, so that "the third call" is one call only, however
//! many come at once.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::answers::Given;
use crate::asked::Asked;
use crate::chance::Question;
use crate::clock::{Clock, unix_seconds};
use crate::http::Request;
use crate::language::Language;
use crate::ledger::{Ledger, Recorded};
use crate::problem::Problem;
use crate::reply;
use crate::said::Stamp;
use crate::script::{Matching, When};
use crate::wire::{self, Act};
use crate::{Fault, ModelScript, Script};

/// Model names with counters of their own; further ones share those of `*`.
const MAX_COUNTED: usize = 1_024;
/// Questions with counters of their own; every call of a further one is its first.
const MAX_QUESTIONS: usize = 65_536;

/// A model and the part of a condition that says which of its requests are counted.
type Counter = (String, Matching);

#[derive(Debug, Default)]
struct Progress {
    /// Changes with each new script: an answer of an old one moves nothing in a new one.
    generation: u64,
    script: Script,
    calls: HashMap<Counter, u64>,
    /// For models that fail by chance.
    questions: HashMap<Question, u64>,
    given: Given,
}

/// The shared state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) ledger: Ledger,
    progress: Mutex<Progress>,
}

/// A request that is being answered. Dropping it stamps the end.
#[derive(Debug)]
pub(crate) struct Ticket {
    state: Arc<State>,
    number: u64,
    given: Option<GivenMark>,
}

#[derive(Debug)]
struct GivenMark {
    generation: u64,
    schema: Option<String>,
    paths: Vec<String>,
}

impl State {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            clock: Clock::start(),
            ledger: Ledger::default(),
            progress: Mutex::new(Progress { script, ..Progress::default() }),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_script(&self, script: Script) {
        let mut progress = self.progress();
        *progress = Progress { generation: progress.generation + 1, script, ..Progress::default() };
    }

    pub(crate) fn refuses_everyone(&self) -> bool {
        self.progress().script.refuses_everyone()
    }

    pub(crate) fn models(&self) -> Vec<String> {
        let progress = self.progress();
        let names = progress.script.models.keys();
        names.filter(|name| *name != "*").cloned().collect()
    }

    /// Records a request and decides what is done with it.
    pub(crate) fn admit(
        self: &Arc<Self>,
        language: Language,
        request: Request,
    ) -> (Ticket, Vec<Act>) {
        let bytes = request.body.len();
        let (asked, value) = match self.read(language, &request) {
            Ok(read) => read,
            Err(message) => return self.refuse(language, &message, request.authorization),
        };
        let mut progress = self.progress();
        let fault = progress.decide(&asked);
        let good = progress.script.answers.good(&asked, &progress.given);
        let given = GivenMark {
            generation: progress.generation,
            schema: asked.schema.clone(),
            paths: asked.paths.clone(),
        };
        let seed = progress.script.seed;
        let mut record = Recorded::of(&asked, value, request.authorization);
        record.fault = fault.clone();
        // Still under the lock: the numbers have the order in which calls were counted.
        let number = self.receive(bytes, record);
        drop(progress);
        let stamp = Stamp::new(seed, number, unix_seconds());
        let acts = reply::acts(&fault, &asked, &good, &stamp);
        (self.ticket(number, Some(given)), acts)
    }

    /// Says how large a request is. It asks no model, so it is no call and not recorded.
    pub(crate) fn count(&self, language: Language, request: &Request) -> Vec<Act> {
        let writer = language.writer();
        match self.read(language, request) {
            Ok((asked, _)) => wire::json(200, &writer.count(&asked)),
            Err(message) => wire::json(400, &writer.problem(&Problem::malformed(message))),
        }
        .finish(false)
    }

    fn read(&self, language: Language, request: &Request) -> Result<(Asked, Value), String> {
        let value: Value = serde_json::from_slice(&request.body).map_err(|error| {
            format!("We could not parse the JSON body of your request: {error}")
        })?;
        let other = self.other_schemas();
        let asked = Asked::read(language, &request.path, &value, &other);
        asked.map(|asked| (asked, value)).map_err(|invalid| invalid.to_string())
    }

    /// Records a connection that is reset before its request is read.
    pub(crate) fn refuse_connection(self: &Arc<Self>) -> Ticket {
        let mut record = Recorded::unread("*", None);
        record.fault = Fault::RefuseConnection;
        let number = self.receive(0, record);
        self.ticket(number, None)
    }

    /// Records a request that was not understood.
    fn refuse(
        self: &Arc<Self>,
        language: Language,
        message: &str,
        authorization: Option<String>,
    ) -> (Ticket, Vec<Act>) {
        let error = language.writer().problem(&Problem::malformed(message));
        let acts = wire::json(400, &error).finish(false);
        let mut record = Recorded::unread("", authorization);
        record.fault = bad_request(&error);
        let number = self.receive(0, record);
        (self.ticket(number, None), acts)
    }

    fn other_schemas(&self) -> Vec<String> {
        let progress = self.progress();
        progress.script.answers.other.keys().cloned().collect()
    }

    fn receive(&self, bytes: usize, record: Recorded) -> u64 {
        self.ledger.receive(bytes, record, self.clock.elapsed())
    }

    fn ticket(self: &Arc<Self>, number: u64, given: Option<GivenMark>) -> Ticket {
        Ticket { state: Arc::clone(self), number, given }
    }
}

fn bad_request(error: &Value) -> Fault {
    Fault::Status { status: 400, retry_after: None, body: Some(error.to_string()) }
}

impl Progress {
    /// Counts the call and takes the first step that holds.
    fn decide(&mut self, asked: &Asked) -> Fault {
        let Some(model) = self.script.model(&asked.model).cloned() else {
            return Fault::Answer;
        };
        let known = self.calls.len() < MAX_COUNTED
            || self.script.models.contains_key(&asked.model)
            || self.calls.keys().any(|(name, ..)| *name == asked.model);
        let name = if known { asked.model.as_str() } else { "*" };
        let taken = self.take(name, &model, asked);
        match model.context_window {
            Some(window) if asked.input_tokens > window => over_window(asked, window),
            _ => taken,
        }
    }

    fn take(&mut self, name: &str, model: &ModelScript, asked: &Asked) -> Fault {
        let matching: Vec<(Counter, &When, &Fault)> = model
            .steps
            .iter()
            .filter(|step| step.when.matches(asked))
            .map(|step| ((name.to_owned(), step.when.matching()), &step.when, &step.then))
            .collect();
        let mut counted: Vec<&Counter> = matching.iter().map(|(key, ..)| key).collect();
        counted.sort();
        counted.dedup();
        for key in counted {
            *self.calls.entry(key.clone()).or_default() += 1;
        }
        let holds = |(key, when, _): &&(Counter, &When, &Fault)| {
            when.holds_at(self.calls.get(key).copied().unwrap_or_default())
        };
        let step = matching.iter().find(holds);
        if let Some((_, _, fault)) = step {
            return (*fault).clone();
        }
        model.chance.as_ref().map_or(Fault::Answer, |chance| {
            let question = Question::of(asked);
            let call = self.count(&question);
            chance.draw(&question, call)
        })
    }

    /// How often this question has been asked, with this time.
    fn count(&mut self, question: &Question) -> u64 {
        if self.questions.len() >= MAX_QUESTIONS && !self.questions.contains_key(question) {
            return 1;
        }
        let calls = self.questions.entry(question.clone()).or_default();
        *calls += 1;
        *calls
    }
}

fn over_window(asked: &Asked, window: u64) -> Fault {
    let problem = Problem::over_window(window, asked.input_tokens);
    bad_request(&asked.language.writer().problem(&problem))
}

impl Ticket {
    /// The client is about to have the whole good answer: the lists of answers move on.
    pub(crate) fn given(&mut self) {
        let Some(mark) = self.given.take() else {
            return;
        };
        let mut progress = self.state.progress();
        if progress.generation == mark.generation {
            let Progress { script, given, .. } = &mut *progress;
            given.note(&script.answers, mark.schema.as_deref(), &mark.paths);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.state.ledger.end(self.number, self.state.clock.elapsed());
    }
}

#[cfg(test)]
mod tests;
