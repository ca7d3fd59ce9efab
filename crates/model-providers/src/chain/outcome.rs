//! What a visit that is over means: for its breaker, for its credential, for the rest of the request.
//!
//! The breaker is fed once for a visit and not for a try, or a short outage would count twice.

use std::time::Duration;

use circuit_breaker::OwnedPermit as Permit;

use super::held::report;
use super::visit::{Outcome, Visit};
use super::walk::{Ending, Walk};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::providers::Route;
use crate::{Class, Event, OnRefusal, Reason};

/// A visit that the caller's deadline made shorter than this proves nothing against a model.
const FAIR: Duration = Duration::from_secs(10);

impl Walk<'_> {
    /// Takes a visit's result into account; the request's end, if it is one.
    pub(super) fn settle(&mut self, visit: Visit<'_>, outcome: Outcome) -> Option<Ending> {
        match outcome {
            Outcome::Answered(value) => {
                report(visit.permit.success());
                self.held.settle();
                let key = self.providers.model_key(visit.route.model);
                self.providers.rests().succeeded(&key);
                self.asking.log.tell_breakers();
                Some(Ending::Answered { value, model: visit.route.model.clone() })
            }
            Outcome::OverBudget => {
                report(visit.permit.ignore());
                // A hedge that nobody can pay for is not made, and that is all.
                (!visit.is_hedge).then_some(Ending::Without(Reason::BudgetExhausted))
            }
            Outcome::Failed(failure) => {
                self.bars.visited(visit.position, failure.class);
                self.leave(visit.position, failure.class);
                let given = visit.until.saturating_duration_since(visit.began);
                self.book(given, &failure, visit.permit);
                self.asking.log.tell_breakers();
                self.consequences(visit.route, &failure)
            }
        }
    }

    /// Feeds the breaker, once for the visit.
    fn book(&mut self, given: Duration, failure: &Failure, permit: Permit<Clock>) {
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
        let retry_in = self.providers.rest(route, failure);
        let model = route.model;
        self.asking.log.tell(&Event::ModelResting {
            model: model.clone(),
            class: failure.class,
            retry_in,
        });
    }
}
