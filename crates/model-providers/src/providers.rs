//! What all requests of a run share: the client, breakers, rests, learned latencies, the budget.
//!
//! If each role had its own, three roles would each pay for the same outage and each spend the
//! whole budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use circuit_breaker::{Clock as _, Registry, RegistrySnapshot, Snapshot, State, Status};

use crate::budget::{Budget, Price};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::latency::Latencies;
use crate::launches::Launches;
use crate::limits::Gates;
use crate::memory::{self, StoredRest};
use crate::output::Validators;
use crate::pools::{hash_of, model_of};
use crate::redact::Redactor;
use crate::rests::{self, Rest, Rests};
use crate::settings::Endpoint;
use crate::transport::{Http, Transport};
use crate::wire::Forms;
use crate::wire::dialect::{self, Dialect};
use crate::{
    Chain, Class, Counts, Error, Event, Facts, Memory, ModelId, Settings, Spending, Spent, Unsaved,
};

/// The endpoints of a run and everything learned about them. All methods are cheap and do not
/// block; the value is shared by every role.
pub struct Providers {
    pub(crate) settings: Settings,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Clock,
    pub(crate) redactor: Redactor,
    pub(crate) breakers: Registry<String, Clock>,
    pub(crate) launches: Arc<Launches>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) forms: Forms,
    pub(crate) gates: Gates,
    pub(crate) counters: Counters,
    pub(crate) validators: Validators,
    /// By provider: a hash of what is sent as its credential.
    pub(crate) credentials: BTreeMap<String, String>,
    rests: Mutex<Rests>,
    latencies: Mutex<Latencies>,
}

/// How a model stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its breaker.
    pub status: Status,
    /// How long it rests yet; `None` if it does not. A rest for a refused key says a year and
    /// ends with the process.
    pub resting: Option<Duration>,
}

/// A model with what is needed to ask it.
#[derive(Clone, Copy)]
pub(crate) struct Route<'p> {
    pub(crate) model: &'p ModelId,
    pub(crate) endpoint: &'p Endpoint,
    pub(crate) facts: &'p Facts,
    pub(crate) dialect: &'static Dialect,
}

impl Route<'_> {
    /// What a call costs, as far as that is known before it.
    pub(crate) fn price(&self) -> Price {
        let program = self.endpoint.program.as_ref();
        let is_told = program.is_some_and(|program| program.tells_cost());
        Price { is_told, ..Price::of(self.facts) }
    }
}

static NO_FACTS: Facts = Facts {
    context_window: None,
    max_output_tokens: None,
    usd_per_million_input: None,
    usd_per_million_output: None,
    timeout: None,
};

impl Providers {
    /// Checks the settings and sets up the client; nothing is sent.
    ///
    /// # Errors
    /// [`Error`] for facts about a model of an unknown provider, for an endpoint that cannot be
    /// asked, for a limit or price that is no amount, or if the client cannot be set up.
    pub fn new(settings: Settings) -> Result<Arc<Self>, Error> {
        let servers = settings.endpoints.values().filter(|one| one.program.is_none());
        let urls = servers.map(|endpoint| &endpoint.base_url);
        let http = Http::new(urls, settings.failover.connect_timeout)?;
        Self::over(settings, Arc::new(http))
    }

    pub(crate) fn over(
        settings: Settings,
        transport: Arc<dyn Transport>,
    ) -> Result<Arc<Self>, Error> {
        check(&settings)?;
        let clock = Clock::new();
        let credentials = settings.endpoints.iter();
        let credentials =
            credentials.map(|(name, endpoint)| (name.clone(), hash_of(endpoint))).collect();
        let providers = Self {
            redactor: Redactor::new(&settings),
            breakers: Registry::new(settings.breaker.clone(), clock),
            launches: Launches::new(&settings.breaker, clock),
            budget: Arc::new(Budget::new(settings.budget, settings.models.values(), clock)),
            rests: Mutex::default(),
            latencies: Mutex::default(),
            forms: Forms::default(),
            gates: Gates::default(),
            counters: Counters::default(),
            validators: Validators::default(),
            credentials,
            transport,
            clock,
            settings,
        };
        for (name, endpoint) in &providers.settings.endpoints {
            providers.gates.configure(&providers.credential_key(name), endpoint.limits);
        }
        Ok(Arc::new(providers))
    }

    /// An ordered chain; the first model is the primary. It may be empty: then only the stand-in
    /// answers. `timeout` is the whole chain's, for one request.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`], and under a limit in dollars [`Error::UnknownPrice`].
    pub fn chain(self: &Arc<Self>, models: &[ModelId], timeout: Duration) -> Result<Chain, Error> {
        for model in models {
            let unknown = || Error::UnknownProvider { model: model.clone() };
            let route = self.route(model).ok_or_else(unknown)?;
            let priced = route.price().is_known();
            let limits = self.budget.limits();
            let in_dollars = limits.max_usd.or(limits.max_usd_per_day).is_some();
            if in_dollars && !priced {
                let model = model.clone();
                return Err(Error::UnknownPrice { model });
            }
        }
        Ok(Chain::new(Arc::clone(self), models.to_vec(), timeout))
    }

    /// How a model's breaker stands and whether it rests. A model without an endpoint is healthy;
    /// one of a program that dies at its start stands as that does.
    #[must_use]
    pub fn health(&self, model: &ModelId) -> Health {
        let endpoint = self.settings.endpoints.get(&model.provider);
        let program = endpoint.and_then(|endpoint| endpoint.program.as_ref());
        let starts = program.map(|_| self.launches.status(&self.launch_key(&model.provider)));
        let stopped = starts.filter(|status| status.state != State::Closed);
        let own = || self.breakers.breaker(&self.model_key(model)).status();
        Health {
            status: stopped.unwrap_or_else(own),
            resting: self.resting(model).map(|(_, left)| left),
        }
    }

    /// What the next process should know. Holds no secret.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let stamp = |rest: Rest| {
            let left = rest.until.saturating_sub(now);
            memory::stamp(wall.checked_add(left).unwrap_or(wall))
        };
        let rests = self.rests();
        let rests = rests.lasting(now).map(|(key, rest)| StoredRest {
            key: key.clone(),
            class: rest.class,
            until_at: stamp(rest),
        });
        let samples = self.latencies().export().into_iter();
        let in_milliseconds = |list: Vec<Duration>| {
            let list = list.into_iter().map(|one| one.as_millis());
            list.filter_map(|one| u64::try_from(one).ok()).collect()
        };
        Memory {
            breakers: serde_json::to_value(self.breakers.snapshot()).unwrap_or_default(),
            launches: serde_json::to_value(self.launches.snapshot()).unwrap_or_default(),
            rests: rests.collect(),
            first_token: samples.map(|(m, l)| (m, in_milliseconds(l))).collect(),
        }
    }

    /// Takes over what an earlier process learned, as far as it concerns these endpoints and
    /// credentials. Rubbish and what is past is left out.
    pub fn restore(&self, memory: &Memory) {
        self.breakers.restore(&self.known(&memory.breakers));
        self.launches.restore(&self.known(&memory.launches));
        let (now, wall) = (self.clock.now(), self.clock.wall());
        for stored in &memory.rests {
            let lasts = matches!(stored.class, Class::RateLimited | Class::QuotaExhausted);
            let left = memory::until(stored.until_at, wall).min(rests::LONGEST);
            if lasts && !left.is_zero() {
                let rest = Rest { class: stored.class, until: now + left };
                self.rests().lay(&stored.key, rest);
            }
        }
        for (model, samples) in &memory.first_token {
            for sample in samples {
                let sample = Duration::from_millis(*sample);
                self.latencies().record(model, sample);
            }
        }
    }

    /// What can be read of a snapshot, as far as it concerns these credentials.
    fn known(&self, saved: &serde_json::Value) -> RegistrySnapshot<String> {
        let mut known = RegistrySnapshot::default();
        let is_ours = |key: &str| model_of(key).is_some_and(|model| self.model_key(&model) == key);
        known.breakers.extend(readable(saved).filter(|(key, _)| is_ours(key)));
        known
    }

    /// What was spent so far, by this value and what was booked on it.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.budget.spent()
    }

    /// What happened so far, in numbers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }

    /// Adds what earlier processes of the same run spent.
    pub fn book(&self, spent: &Spent) {
        self.budget.book(spent);
    }

    /// What should stand in the value that processes share of a day's spending, given what stands
    /// there now. Once it does, [`Providers::spending_kept`] is told. It is also how this process
    /// learns what the others spent: between two of these calls it does not know, so together they
    /// may overrun `max_usd_per_day` by what they spend in that time.
    #[must_use]
    pub fn spending(&self, stored: Option<&Spending>) -> Unsaved {
        self.budget.unsaved(stored)
    }

    /// The shared value now is what [`Providers::spending`] said.
    pub fn spending_kept(&self, unsaved: &Unsaved) {
        self.budget.saved(unsaved);
    }

    /// Closes the breaker of one model and that of its program's starts, or all, and ends their
    /// rests.
    pub fn reset_breakers(&self, model: Option<&ModelId>) {
        let Some(model) = model else {
            self.breakers.reset(None);
            self.launches.reset(None);
            self.rests().clear();
            return;
        };
        self.breakers.reset(Some(&self.model_key(model)));
        self.launches.reset(Some(&self.launch_key(&model.provider)));
        let keys = self.rest_keys(model);
        self.rests().forget(keys.iter().map(String::as_str));
    }

    pub(crate) fn route<'p>(&'p self, model: &'p ModelId) -> Option<Route<'p>> {
        let endpoint = self.settings.endpoints.get(&model.provider)?;
        let by_name = endpoint.dialect.as_deref().and_then(dialect::named);
        Some(Route {
            model,
            endpoint,
            dialect: by_name.unwrap_or_else(|| dialect::at(&endpoint.base_url)),
            facts: self.settings.models.get(model).unwrap_or(&NO_FACTS),
        })
    }

    /// What changed in the breakers since the last call, in order. The starts of a program have its
    /// name with a star for the model.
    pub(crate) fn breaker_events(&self) -> impl Iterator<Item = Event> {
        let events = self.breakers.drain_events().into_iter().chain(self.launches.events());
        events.filter_map(|event| {
            let model = model_of(&event.key)?;
            let (state, retry_in) = (event.status.to_string(), event.status.retry_in);
            Some(match event.to {
                State::Open => Event::BreakerOpened { model, state, retry_in },
                State::HalfOpen => Event::BreakerHalfOpened { model, state, retry_in },
                State::Closed if event.from == State::Closed => {
                    Event::BreakerMonitoring { model, state }
                }
                State::Closed => Event::BreakerClosed { model, state, retry_in },
            })
        })
    }

    pub(crate) fn rests(&self) -> MutexGuard<'_, Rests> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn latencies(&self) -> MutexGuard<'_, Latencies> {
        let latencies = self.latencies.lock();
        latencies.unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Providers")
            .field("endpoints", &self.settings.endpoints)
            .finish_non_exhaustive()
    }
}

/// One entry after the other, so that one damaged breaker does not lose the others.
fn readable(saved: &serde_json::Value) -> impl Iterator<Item = (String, Snapshot)> {
    let entries = saved.get("breakers").and_then(|b| b.as_array());
    let entries = entries.into_iter().flatten();
    entries.filter_map(|entry| serde_json::from_value(entry.clone()).ok())
}

fn check(settings: &Settings) -> Result<(), Error> {
    for model in settings.models.keys() {
        if !settings.endpoints.contains_key(&model.provider) {
            let model = model.clone();
            return Err(Error::UnknownProvider { model });
        }
    }
    let amount = |what: &str, value: Option<f64>| match value {
        Some(value) if !value.is_finite() || value < 0.0 => {
            Err(Error::InvalidAmount { what: what.to_owned() })
        }
        _ => Ok(()),
    };
    amount("max_usd", settings.budget.max_usd)?;
    amount("max_usd_per_day", settings.budget.max_usd_per_day)?;
    for (model, facts) in &settings.models {
        amount(&format!("the input price of {model}"), facts.usd_per_million_input)?;
        amount(&format!("the output price of {model}"), facts.usd_per_million_output)?;
    }
    for (provider, endpoint) in &settings.endpoints {
        crate::wire::check(endpoint)
            .map_err(|problem| Error::InvalidEndpoint { provider: provider.clone(), problem })?;
    }
    Ok(())
}
