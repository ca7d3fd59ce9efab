//! One model's turn within a request: one or two tries, each reserved before and settled after.
//!
//! It borrows nothing of the walk that it belongs to, so that two of them may go on side by side.

use circuit_breaker::OwnedPermit as Permit;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::attempt::Try;
use super::log::Log;
use super::span;
use super::tries::{Again, Tries};
use super::work::Work;
use crate::budget::{Usage, expected};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::holes;
use crate::launches::Launch;
use crate::limits::Place;
use crate::output::Check;
use crate::providers::Route;
use crate::wire::Completion;
use crate::{
    Class, Event, Facts, Message, MessageRole, Providers, Request, Tokens, estimate_tokens,
};

/// Of a rejected answer, this much is shown to the model again.
const LONGEST_ECHO: usize = 32 * 1024;

/// What every visit of a request needs.
#[derive(Clone, Copy)]
pub(super) struct Asking<'w> {
    pub(super) providers: &'w Providers,
    pub(super) request: &'w Request,
    pub(super) check: &'w Check,
    pub(super) log: &'w Log<'w>,
    pub(super) chain_length: usize,
    /// What the schema takes of a window.
    pub(super) schema_tokens: u64,
}

/// A model that is about to be visited, with its breaker's permit.
pub(super) struct Visit<'w> {
    pub(super) position: usize,
    pub(super) route: Route<'w>,
    pub(super) messages: Vec<Message>,
    pub(super) began: Instant,
    pub(super) until: Instant,
    pub(super) permit: Permit<Clock>,
    /// The permit is for a probe: the model has been down, and is called once.
    pub(super) is_probe: bool,
    /// For a program: leave to start it.
    pub(super) launch: Option<Launch>,
    /// In the queues of its credential.
    pub(super) place: Place,
    /// It goes on beside another one.
    pub(super) is_hedge: bool,
    /// Why what it gave last was not taken, if it is to mend that.
    pub(super) mend: Option<String>,
}

/// How a visit ends.
pub(super) enum Outcome {
    Answered(Value),
    Failed(Box<Failure>),
    OverBudget,
}

impl Asking<'_> {
    /// What a request with these messages is expected to use.
    pub(super) fn expected(self, messages: &[Message], facts: &Facts) -> Tokens {
        let said: u64 = messages.iter().map(|m| estimate_tokens(&m.content)).sum();
        let input = said.saturating_add(self.schema_tokens);
        expected(input, facts)
    }

    /// The tries of one visit.
    pub(super) async fn tries(self, visit: &mut Visit<'_>) -> Outcome {
        let failover = &self.providers.settings.failover;
        let mut tries = Tries::new(failover, visit.is_probe);
        let asked = visit.messages.clone();
        let mut may_end_spending = !visit.is_hedge;
        loop {
            let failure = match self.once(visit, may_end_spending).await {
                Outcome::Failed(failure) => failure,
                other => return other,
            };
            may_end_spending = true;
            let now = self.providers.clock.instant();
            let time_left = visit.until.saturating_duration_since(now);
            match tries.after(&failure, failover, time_left) {
                Again::No => return Outcome::Failed(failure),
                Again::After(pause) => {
                    visit.mend = None;
                    sleep(pause).await;
                }
                Again::Repair => {
                    visit.mend = Some(failure.said(&self.providers.redactor));
                    let room = visit.route.facts.context_window;
                    visit.messages = repaired(&asked, &failure, room);
                }
            }
            let clock = self.providers.clock;
            let time_left = visit.until.saturating_duration_since(clock.instant());
            let expected = self.expected(&visit.messages, visit.route.facts).total();
            if !visit.place.again(expected, time_left, clock).await {
                return Outcome::Failed(failure);
            }
        }
    }

    /// What the model works with instead of answering, if it does and the request has a place for it.
    fn work_of(&self, route: Route<'_>) -> Option<Work<'_>> {
        let program = route.endpoint.program.as_ref()?.at_work()?;
        let workplace = self.request.workplace.as_deref()?;
        Some(Work { program, workplace })
    }

    /// An answer held against the checks.
    fn read(self, completion: Completion) -> Result<(Value, Usage), Failure> {
        let checked = self.check.text(&completion.text);
        let schema = &self.request.schema.body;
        if !holes::are_empty(&completion.text, &completion.holes, schema) {
            let message = "a piece of the answer could not be read, and may have held some of it";
            let failure = Failure::new(Class::Unavailable, message);
            return Err(failure.with_usage(completion.usage));
        }
        checked.map(|value| (value, completion.usage)).map_err(|rejected| {
            let mut failure = rejected.into_failure();
            failure.answer = Some(completion.text.into());
            failure.with_usage(completion.usage)
        })
    }

    /// One try, reserved before and settled after.
    async fn once(self, visit: &mut Visit<'_>, may_end_spending: bool) -> Outcome {
        let (providers, route) = (self.providers, visit.route);
        let price = route.price();
        let wanted = self.expected(&visit.messages, route.facts);
        if !may_end_spending && !providers.budget.allows(wanted, price) {
            return Outcome::OverBudget;
        }
        let reserved = providers.budget.reserve(wanted, price);
        let reservation = match reserved {
            Ok(reservation) => reservation,
            Err(denied) => {
                if denied.first {
                    let message = denied.message;
                    self.log.tell(&Event::BudgetExhausted { message });
                }
                return Outcome::OverBudget;
            }
        };
        let number = self.log.started(route.model, visit.position, self.chain_length);
        visit.place.begin();
        let attempt = Try {
            providers,
            route,
            messages: &visit.messages,
            schema: &self.request.schema,
            until: visit.until,
            launch: visit.launch.as_ref(),
        };
        let span = span::attempt(route, number, visit.position);
        let outcome = match self.work_of(route) {
            Some(work) => {
                let mend = visit.mend.as_deref();
                work.make(&attempt, self.check, mend).instrument(span.clone()).await
            }
            None => {
                let answered = attempt.make().instrument(span.clone()).await;
                answered.and_then(|completion| self.read(completion))
            }
        };
        let usage = match &outcome {
            Ok((_, usage)) => *usage,
            Err(failure) => failure.usage,
        };
        let usd = reservation.settle(usage);
        let failed = outcome.as_ref().err().map(|failure| (failure.class, failure.status));
        span::ended(&span, failed, usage, usd);
        visit.place.used(usage.tokens(wanted.input).total());
        match outcome {
            Ok((value, usage)) => {
                self.log.succeeded(number, usage, usd);
                Outcome::Answered(value)
            }
            Err(failure) => {
                self.log.failed(number, &failure, usd);
                if failure.silent {
                    providers.latencies().doubt(route.model);
                }
                Outcome::Failed(Box::new(failure))
            }
        }
    }
}

/// The question once more, with the answer that did not pass and why. An answer that is too long
/// to be shown, or was cut off, is not shown.
fn repaired(asked: &[Message], failure: &Failure, window: Option<u64>) -> Vec<Message> {
    let mut messages = asked.to_vec();
    let used: u64 = asked.iter().map(|m| estimate_tokens(&m.content)).sum();
    let fits = |text: &str| {
        let needed = used.saturating_add(estimate_tokens(text));
        window.is_none_or(|window| needed < window / 2) && text.len() <= LONGEST_ECHO
    };
    let wrong = failure.raw();
    let note = format!(
        "That answer cannot be used: {wrong}\nAnswer again from the start, with one whole JSON \
         object that fits the schema and with nothing else."
    );
    let echo = failure.answer.as_ref().filter(|a| !a.is_empty() && fits(a));
    match (echo, messages.last_mut()) {
        // Two messages of one role in a row are more than some models' templates take.
        (None, Some(last)) if last.role == MessageRole::User => {
            last.content = format!("{}\n\n{note}", last.content);
            return messages;
        }
        (None, _) => {}
        (Some(echo), _) => {
            messages.push(Message { role: MessageRole::Assistant, content: echo.to_string() });
        }
    }
    messages.push(Message { role: MessageRole::User, content: note });
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Vec<Message> {
        vec![Message { role: MessageRole::User, content: "do it".into() }]
    }

    fn rejected(answer: Option<&str>) -> Failure {
        let mut failure = Failure::new(Class::InvalidOutput, "`a` is missing");
        failure.answer = answer.map(Into::into);
        failure
    }

    #[test]
    fn a_repair_shows_the_answer_and_what_is_wrong_with_it() {
        let messages = repaired(&asked(), &rejected(Some("{}")), None);
        let roles: Vec<MessageRole> = messages.iter().map(|m| m.role).collect();
        let expected = [MessageRole::User, MessageRole::Assistant, MessageRole::User];
        assert_eq!(roles, expected);
        assert!(messages[2].content.contains("`a` is missing"));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_not_shown() {
        let long = "x".repeat(LONGEST_ECHO + 1);
        for (answer, window) in [(None, None), (Some(long.as_str()), None), (Some("{}"), Some(5))] {
            let messages = repaired(&asked(), &rejected(answer), window);
            assert_eq!(messages.len(), 1, "{window:?}");
            assert!(messages[0].content.contains("`a` is missing"));
        }
    }
}
