//! One model's turn within a request: one permit, one or two tries, and what follows from them.
//!
//! The breaker is fed once for a visit and not for a try, or a short outage would count twice.

use std::time::Duration;

use circuit_breaker::{Clock as _, Permit};
use serde_json::Value;
use tokio::time::sleep;

use super::attempt::Try;
use super::held::report;
use super::tries::{Again, Tries};
use super::walk::{Ending, Visit, Walk};
use crate::budget::{Price, expected};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::holes;
use crate::providers::Route;
use crate::rests::{Rest, UNTIL_THE_END};
use crate::{Class, Event, Message, MessageRole, OnRefusal, Reason, estimate_tokens, wire};

/// Of a rejected answer, this much is shown to the model again.
const LONGEST_ECHO: usize = 32 * 1024;
/// A visit that the caller's deadline made shorter than this proves nothing against a model.
const FAIR: Duration = Duration::from_secs(10);

enum Outcome {
    Answered(Value),
    Failed(Box<Failure>),
    OverBudget,
}

impl Walk<'_> {
    pub(super) async fn visit(
        &mut self,
        mut visit: Visit<'_>,
        permit: Permit<Clock>,
    ) -> Option<Ending> {
        match self.tries(&mut visit).await {
            Outcome::Answered(value) => {
                report(permit.success());
                self.held.settle();
                let key = self.providers.model_key(visit.route.model);
                self.providers.rests().succeeded(&key);
                self.log.tell_breakers();
                Some(Ending::Answered { value, model: visit.route.model.clone() })
            }
            Outcome::OverBudget => {
                report(permit.ignore());
                Some(Ending::Without(Reason::BudgetExhausted))
            }
            Outcome::Failed(failure) => {
                self.bars.visited(visit.position, failure.class);
                self.leave(visit.position, failure.class);
                self.book(&visit, &failure, permit);
                self.log.tell_breakers();
                self.consequences(visit.route, &failure)
            }
        }
    }

    async fn tries(&mut self, visit: &mut Visit<'_>) -> Outcome {
        let failover = &self.providers.settings.failover;
        let mut tries = Tries::new(failover);
        let asked = visit.messages.clone();
        loop {
            let failure = match self.once(visit).await {
                Outcome::Failed(failure) => failure,
                other => return other,
            };
            let now = self.providers.clock.instant();
            let time_left = visit.until.saturating_duration_since(now);
            match tries.after(&failure, failover, time_left) {
                Again::No => return Outcome::Failed(failure),
                Again::After(pause) => sleep(pause).await,
                Again::Repair => {
                    let room = visit.route.facts.context_window;
                    visit.messages = repaired(&asked, &failure, room);
                }
            }
        }
    }

    /// One try, reserved before and settled after.
    async fn once(&mut self, visit: &Visit<'_>) -> Outcome {
        let (providers, route) = (self.providers, visit.route);
        let said: u64 = visit.messages.iter().map(|m| estimate_tokens(&m.content)).sum();
        let input = said.saturating_add(wire::schema_tokens(&self.request.schema));
        let price = Price::of(route.facts);
        let reserved = providers.budget.reserve(expected(input, route.facts), price);
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
        self.log.started(route.model, visit.position, self.chain_length);
        let attempt = Try {
            providers,
            route,
            messages: &visit.messages,
            schema: &self.request.schema,
            until: visit.until,
        };
        let outcome = attempt.make().await.and_then(|completion| {
            let checked = self.check.text(&completion.text);
            let schema = &self.request.schema.body;
            if !holes::are_empty(&completion.text, &completion.holes, schema) {
                let message =
                    "a piece of the answer could not be read, and may have held some of it";
                let failure = Failure::new(Class::Unavailable, message);
                return Err(failure.with_usage(completion.usage));
            }
            checked.map(|value| (value, completion.usage)).map_err(|rejected| {
                let mut failure = Failure::new(Class::InvalidOutput, rejected.message);
                failure.likeness = Some(rejected.likeness.into());
                failure.answer = Some(completion.text.into());
                failure.with_usage(completion.usage)
            })
        });
        let usage = match &outcome {
            Ok((_, usage)) => *usage,
            Err(failure) => failure.usage,
        };
        let usd = reservation.settle(usage);
        match outcome {
            Ok((value, usage)) => {
                self.log.succeeded(usage, usd);
                Outcome::Answered(value)
            }
            Err(failure) => {
                self.log.failed(&failure, usd);
                if failure.silent {
                    providers.latencies().doubt(route.model);
                }
                Outcome::Failed(Box::new(failure))
            }
        }
    }

    /// Feeds the breaker, once for the visit.
    fn book(&mut self, visit: &Visit<'_>, failure: &Failure, permit: Permit<Clock>) {
        let given = visit.until.saturating_duration_since(visit.began);
        let unfair = failure.out_of_time && self.end_is_the_callers && given < FAIR;
        if let (Class::InvalidOutput, Some(likeness)) = (failure.class, &failure.likeness) {
            return self.held.rejected(permit, likeness);
        }
        self.held.settle();
        if failure.class.counts_for_breaker() && !unfair {
            report(permit.failure());
        } else {
            report(permit.ignore());
        }
    }

    /// What the failure means for others: rests, models out of the question, or the end.
    fn consequences(&mut self, route: Route<'_>, failure: &Failure) -> Option<Ending> {
        match failure.class {
            Class::RateLimited | Class::QuotaExhausted | Class::Auth => {
                self.rest(route, failure);
            }
            Class::ContextOverflow => self.bars.overflowed(route.facts),
            Class::Refused if self.providers.settings.failover.on_refusal == OnRefusal::Stop => {
                let message = failure.said(&self.providers.redactor);
                return Some(Ending::Without(Reason::Refused { message }));
            }
            Class::InvalidRequest if !failure.this_model_only => {
                let complaint = failure.fingerprint(&route.model.name);
                if self.bars.not_accepted(&route.model.provider, complaint) {
                    return Some(Ending::Without(Reason::AllFailed));
                }
            }
            _ => {}
        }
        None
    }

    fn rest(&self, route: Route<'_>, failure: &Failure) {
        let (providers, model) = (self.providers, route.model);
        let now = providers.clock.now();
        let key = match failure.class {
            Class::RateLimited => providers.model_key(model),
            _ => providers.credential_key(model),
        };
        let mut rests = providers.rests();
        let retry_in = match (failure.class, failure.retry_after) {
            (Class::Auth, _) => UNTIL_THE_END,
            (_, Some(told)) => told,
            (Class::QuotaExhausted, None) => providers.settings.breaker.max_reset_timeout,
            (_, None) => rests.backoff(&key, now),
        };
        let rest = Rest { class: failure.class, until: now.saturating_add(retry_in) };
        rests.lay(&key, rest);
        drop(rests);
        self.log.tell(&Event::ModelResting {
            model: model.clone(),
            class: failure.class,
            retry_in,
        });
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
