//! What all connections of a server share: the script, how far it has come, and the ledger.
//! A decision is made under one lock, so that "the third call" is one call only, however
//! many come at once.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::answers::Given;
use crate::asked::Asked;
use crate::clock::{Clock, unix_seconds};
use crate::completion::{Stamp, error_object};
use crate::ledger::{Ledger, Recorded};
use crate::reply;
use crate::script::When;
use crate::wire::{self, Act};
use crate::{Fault, ModelScript, Script};

/// Model names with counters of their own; further ones share those of `*`.
const MAX_COUNTED: usize = 1_024;

/// A model and the part of a condition that says which of its requests are counted.
type Counter = (String, Option<String>, Option<String>);

#[derive(Debug, Default)]
struct Progress {
    /// Changes with each new script: an answer of an old one moves nothing in a new one.
    generation: u64,
    script: Script,
    calls: HashMap<Counter, u64>,
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
        body: &[u8],
        authorization: Option<String>,
    ) -> (Ticket, Vec<Act>) {
        let other = self.other_schemas();
        let read = serde_json::from_slice::<Value>(body)
            .map_err(|error| format!("We could not parse the JSON body of your request: {error}"))
            .and_then(|value| match Asked::read(&value, &other) {
                Ok(asked) => Ok((asked, value)),
                Err(invalid) => Err(invalid.to_string()),
            });
        let (asked, value) = match read {
            Ok(read) => read,
            Err(message) => return self.refuse(&message, authorization),
        };
        let mut progress = self.progress();
        let fault = progress.decide(&asked);
        let answers = &progress.script.answers;
        let good = answers.content(asked.schema.as_deref(), &asked.paths, &progress.given);
        let given = GivenMark {
            generation: progress.generation,
            schema: asked.schema.clone(),
            paths: asked.paths.clone(),
        };
        let seed = progress.script.seed;
        let mut record = Recorded::of(&asked, value, authorization);
        record.fault = fault.clone();
        // Still under the lock: the numbers have the order in which calls were counted.
        let number = self.receive(body.len(), record);
        drop(progress);
        let stamp = Stamp::new(seed, number, unix_seconds());
        let acts = reply::acts(&fault, &asked, &good, &stamp);
        (self.ticket(number, Some(given)), acts)
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
        message: &str,
        authorization: Option<String>,
    ) -> (Ticket, Vec<Act>) {
        let error = error_object(message, "invalid_request_error", None);
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
            Some(window) if asked.input_tokens > window => over_window(window, asked.input_tokens),
            _ => taken,
        }
    }

    fn take(&mut self, name: &str, model: &ModelScript, asked: &Asked) -> Fault {
        let matching: Vec<(Counter, &When, &Fault)> = model
            .steps
            .iter()
            .filter(|step| step.when.matches(asked.schema.as_deref(), &asked.paths))
            .map(|step| (counter(name, &step.when), &step.when, &step.then))
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
        step.map_or(Fault::Answer, |(_, _, fault)| (*fault).clone())
    }
}

fn counter(name: &str, when: &When) -> Counter {
    (name.to_owned(), when.schema.clone(), when.path.clone())
}

fn over_window(window: u64, tokens: u64) -> Fault {
    let message = format!(
        "This model's maximum context length is {window} tokens. However, your messages \
         resulted in {tokens} tokens. Please reduce the length of the messages."
    );
    let code = Some("context_length_exceeded");
    bad_request(&error_object(&message, "invalid_request_error", code))
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
