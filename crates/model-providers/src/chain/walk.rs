//! From one model to the next, until one answers or none is left.
//!
//! Every loop of it is bounded by the models, the time and the patience, so a request ends whatever
//! the servers do.

use std::sync::Arc;
use std::time::Duration;

use circuit_breaker::{OwnedPermit as Permit, State};
use tokio::time::{Instant, sleep, timeout};

use super::Chain;
use super::bars::Bars;
use super::held::Held;
use super::shares::share;
use super::visit::{Asking, Visit};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::launches::Launch;
use crate::limits::{Gate, Place};
use crate::providers::Route;
use crate::{Class, Event, Facts, Message, ModelId, Providers, Reason};

/// Below this there is no use in asking anybody.
const LEAST_TIME: Duration = Duration::from_millis(20);
/// How often a breaker whose probe is under way elsewhere is looked at while waiting.
const LOOK: Duration = Duration::from_millis(250);

/// How a walk ends.
pub(super) enum Ending {
    Answered {
        value: serde_json::Value,
        model: ModelId,
    },
    /// No model answered, for this reason.
    Without(Reason),
}

/// One request on its way along a chain.
pub(super) struct Walk<'w> {
    pub(super) providers: &'w Providers,
    /// Those that may be visited; failover switched off leaves the primary.
    pub(super) models: &'w [ModelId],
    pub(super) asking: Asking<'w>,
    pub(super) bars: Bars,
    pub(super) held: Held,
    end: Instant,
    /// Whether the caller's deadline, and not the chain's own timeout, is the end.
    pub(super) end_is_the_callers: bool,
    /// Visits that are going on.
    pub(super) in_flight: usize,
    /// What is left of the time that may be waited for a model to come back.
    patience: Duration,
    /// The model visited last and why it was left; before any visit the first one skipped.
    left: Option<(usize, Option<Class>)>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(chain: &'w Chain, asking: Asking<'w>, deadline: Option<Instant>) -> Self {
        let providers = &*chain.providers;
        let failover = &providers.settings.failover;
        let own_end = providers.clock.after(chain.timeout);
        let end = deadline.map_or(own_end, |deadline| deadline.min(own_end));
        let reach = if failover.enabled { chain.models.len() } else { 1 };
        Self {
            providers,
            models: chain.models.get(..reach).unwrap_or(&chain.models),
            asking,
            bars: Bars::default(),
            held: Held::default(),
            end,
            end_is_the_callers: end < own_end,
            in_flight: 0,
            patience: failover.max_wait,
            left: None,
        }
    }

    /// Settles what is still open.
    pub(super) fn finish(mut self) {
        self.held.settle();
        self.asking.log.tell_breakers();
    }

    pub(super) async fn run(&mut self) -> Ending {
        if self.models.is_empty() {
            return Ending::Without(Reason::NoModel);
        }
        loop {
            for position in 0..self.models.len() {
                if let Some(ending) = self.step(position).await {
                    return ending;
                }
            }
            let Some(pause) = self.worth_waiting() else {
                return Ending::Without(Reason::AllFailed);
            };
            self.patience = self.patience.saturating_sub(pause);
            sleep(pause).await;
        }
    }

    /// Visits the model at a position, if it may be visited now.
    async fn step(&mut self, position: usize) -> Option<Ending> {
        if self.open_route(position).is_some() && self.time_left() < LEAST_TIME {
            return Some(Ending::Without(Reason::AllFailed));
        }
        let (route, messages) = self.prepare(position)?;
        let (at_once, rates) = match self.gates(route.model).is_empty() {
            true => (Duration::ZERO, Duration::ZERO),
            false => self.patience_for_a_place(position, route.facts),
        };
        let place = self.place(route, &messages, at_once, rates).await;
        let launch = match route.endpoint.program {
            // Its place is kept meanwhile: who has left to start is not to wait for a place.
            Some(_) if place.is_some() => Some(self.launch(position, route).await?),
            _ => None,
        };
        let visit = self.admit(position, messages, place, launch, None)?;
        self.visits(visit).await
    }

    /// The same beside a slow one: without a wait.
    pub(super) async fn beside(&mut self, slow: usize) -> Option<Visit<'w>> {
        for position in slow.saturating_add(1)..self.models.len() {
            let Some((route, messages)) = self.prepare(position) else {
                continue;
            };
            let place = self.place(route, &messages, Duration::ZERO, Duration::ZERO).await;
            let program = route.endpoint.program.as_ref();
            let launch = program.map(|_| {
                let key = self.providers.launch_key(&route.model.provider);
                self.providers.launches.enter_now(&key)
            });
            if matches!(launch, Some(None)) {
                continue;
            }
            let launch = launch.flatten();
            let visit = self.admit(position, messages, place, launch, Some(slow));
            if visit.is_some() {
                return visit;
            }
        }
        None
    }

    /// The model at a position with the messages for it, if it may be asked and they fit it.
    fn prepare(&mut self, position: usize) -> Option<(Route<'w>, Vec<Message>)> {
        let route = self.open_route(position)?;
        let health = self.providers.health(route.model);
        let is_held_off = health.status.state == State::Open
            && health.status.retry_in.is_some_and(|wait| !wait.is_zero());
        if health.resting.is_some() || is_held_off {
            self.skip(position);
            return None;
        }
        let request = self.asking.request;
        let room = room(route.facts, self.asking.schema_tokens);
        match request.prompt.messages(room) {
            Ok(messages) => Some((route, messages)),
            Err(too_large) => {
                let failure = Failure::new(Class::ContextOverflow, too_large.to_string());
                self.asking.log.passed_over(route.model, position, &failure);
                self.bars.pass_over(position);
                None
            }
        }
    }

    /// A place in the queues before a model.
    async fn place(
        &self,
        route: Route<'w>,
        messages: &[Message],
        at_once: Duration,
        rates: Duration,
    ) -> Option<Place> {
        let gates = self.gates(route.model);
        let tokens = self.asking.expected(messages, route.facts).total();
        Place::wait(gates, tokens, at_once, rates, self.providers.clock).await
    }

    /// Leave to start the program of a model, if not too many starts of it have died.
    async fn launch(&mut self, position: usize, route: Route<'_>) -> Option<Launch> {
        let key = self.providers.launch_key(&route.model.provider);
        let entering = self.providers.launches.enter(&key);
        let launch = timeout(self.time_left(), entering).await.ok().flatten();
        self.asking.log.tell_breakers();
        if launch.is_none() {
            self.skip(position);
        }
        launch
    }

    fn gates(&self, model: &ModelId) -> Vec<Arc<Gate>> {
        let providers = self.providers;
        providers
            .gates
            .before(&providers.model_key(model), &providers.credential_key(&model.provider))
    }

    /// How long to wait for a place: as for a `Retry-After` where another model stands ready, else
    /// as long as the model's share of the time. Who does not want to wait at all waits for no
    /// minute to pass, but still for a place among those at once: it is held by our own requests.
    fn patience_for_a_place(&self, position: usize, facts: &Facts) -> (Duration, Duration) {
        let failover = &self.providers.settings.failover;
        let later = position.saturating_add(1)..self.models.len();
        let is_ready = |at| {
            let route = self.open_route(at);
            route.is_some_and(|route| {
                let has_place = self.gates(route.model).iter().all(|gate| gate.has_place());
                has_place && self.back_in(route.model).is_zero()
            })
        };
        if later.into_iter().any(is_ready) {
            return (failover.retry_after_wait, failover.retry_after_wait);
        }
        let share = self.share(position, facts);
        (share, if failover.max_wait.is_zero() { Duration::ZERO } else { share })
    }

    /// Everything else that a visit needs, if the model may still be visited.
    fn admit(
        &mut self,
        position: usize,
        messages: Vec<Message>,
        place: Option<Place>,
        launch: Option<Launch>,
        beside: Option<usize>,
    ) -> Option<Visit<'w>> {
        let route = self.open_route(position)?;
        let Some(place) = place.filter(|_| self.providers.resting(route.model).is_none()) else {
            self.skip(position);
            return None;
        };
        let (permit, is_probe) = self.permit(position, route.model)?;
        let began = self.providers.clock.instant();
        let until = began + self.share(position, route.facts);
        self.tell_fallback(position, beside);
        let is_hedge = beside.is_some();
        let mend = None;
        Some(Visit {
            position,
            route,
            messages,
            began,
            until,
            permit,
            is_probe,
            launch,
            place,
            is_hedge,
            mend,
        })
    }

    /// The model at a position, unless it is out of the question.
    fn open_route(&self, position: usize) -> Option<Route<'w>> {
        let model = self.models.get(position)?;
        let route = self.providers.route(model)?;
        let failover = &self.providers.settings.failover;
        let is_new = !self.bars.was_visited(position);
        let visited = self.bars.models_visited().saturating_add(self.in_flight);
        if is_new && visited >= failover.max_models.max(1) {
            return None;
        }
        let open = self.bars.allow(position, model, route.facts);
        open.then_some(route)
    }

    /// A permit of the model's breaker, and whether it is for a probe.
    fn permit(&mut self, position: usize, model: &ModelId) -> Option<(Permit<Clock>, bool)> {
        let key = self.providers.model_key(model);
        let breaker = self.providers.breakers.breaker(&key);
        let permit = breaker.try_acquire_owned();
        // A half-open breaker gives one permit at a time, so this one is it.
        let is_probe = breaker.status().state == State::HalfOpen;
        self.asking.log.tell_breakers();
        if permit.is_err() {
            self.skip(position);
        }
        Some((permit.ok()?, is_probe))
    }

    /// Held off now: noted as where a fallback came from, unless a visited model is.
    fn skip(&mut self, position: usize) {
        self.left.get_or_insert((position, None));
    }

    pub(super) fn leave(&mut self, position: usize, class: Class) {
        self.left = Some((position, Some(class)));
    }

    fn tell_fallback(&self, position: usize, beside: Option<usize>) {
        let left = beside.map(|slow| (slow, None)).or(self.left);
        let left = left.filter(|(from, _)| position > 0 && *from != position);
        let from = left.and_then(|(from, class)| Some((self.models.get(from)?, class)));
        let to = self.models.get(position);
        if let (Some((from, class)), Some(to)) = (from, to) {
            self.asking.log.tell(&Event::FallbackUsed {
                from: from.clone(),
                to: to.clone(),
                position,
                class,
            });
        }
    }

    pub(super) fn time_left(&self) -> Duration {
        let now = self.providers.clock.instant();
        self.end.saturating_duration_since(now)
    }

    fn share(&self, position: usize, facts: &Facts) -> Duration {
        let is_primary = position == 0;
        let most = self.providers.settings.failover.max_models.max(1);
        let room = most.saturating_sub(self.bars.models_visited());
        let after = position.saturating_add(1)..self.models.len();
        // For the primary those held off count too: they may be back before it has failed.
        let usable = |at: &usize| {
            let route = self.open_route(*at);
            route.is_some_and(|route| is_primary || self.back_in(route.model).is_zero())
        };
        let others = after.filter(usable).count().min(room.saturating_sub(1));
        let models_left = u32::try_from(others.saturating_add(1)).unwrap_or(u32::MAX);
        let share = share(self.time_left(), is_primary, models_left);
        facts.timeout.map_or(share, |most| share.min(most))
    }

    /// How long until a model can be asked; nothing if it can be now.
    fn back_in(&self, model: &ModelId) -> Duration {
        let health = self.providers.health(model);
        let held_off = match health.status.state {
            State::Closed => Duration::ZERO,
            State::Open => health.status.retry_in.unwrap_or_default(),
            // Somebody's probe is under way; its result may come at any moment.
            State::HalfOpen => LOOK,
        };
        let gates = self.gates(model);
        let limited = gates.iter().map(|gate| gate.ready_in(1, self.providers.clock)).max();
        held_off.max(health.resting.unwrap_or_default()).max(limited.unwrap_or_default())
    }

    /// How long to wait for the first model that comes back, if that is soon enough.
    fn worth_waiting(&self) -> Option<Duration> {
        let open = (0..self.models.len()).filter_map(|position| self.open_route(position));
        let soonest = open.map(|route| self.back_in(route.model)).min()?;
        let pause = soonest.max(LEAST_TIME);
        (pause <= self.patience && pause + LEAST_TIME <= self.time_left()).then_some(pause)
    }
}

/// The input tokens a model has room for.
fn room(facts: &Facts, schema: u64) -> Option<u64> {
    let window = facts.context_window?;
    let free = window.saturating_sub(facts.answer_reserve());
    Some(free.saturating_sub(schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_for_input_leaves_place_for_answer_and_schema() {
        let table = [
            (None, None, None),
            (Some(100_000), None, Some(100_000 - 8_192 - 100)),
            (Some(8_000), None, Some(5_900)),
            (Some(8_000), Some(1_000), Some(6_900)),
            (Some(100), None, Some(0)),
        ];
        for (context_window, max_output_tokens, expected) in table {
            let facts = Facts { context_window, max_output_tokens, ..Facts::default() };
            assert_eq!(room(&facts, 100), expected, "{facts:?}");
        }
    }
}
