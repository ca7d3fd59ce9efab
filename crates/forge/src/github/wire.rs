//! One request to the service and what comes of it: paced, bounded, behind a
//! breaker, and told apart by whether it may have been done all the same.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use circuit_breaker::{OwnedPermit as Permit, Registry};
use http_body_util::{BodyExt as _, Limited};
use octocrab::{Octocrab, OctocrabBuilder};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use serde_json::Value;
use url::{Host, Url};

use crate::clock::{BreakerClock, Clock};
use crate::error::Error;

use super::answer::{Answer, Told};
use super::limits::Limits;
use super::settings::Settings;

/// What the breaker is known by.
const KEY: &str = "github";
/// The largest answer: a listing of 100 issues with the longest bodies.
const MAX_ANSWER: usize = 32 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Before a request that changes nothing is sent once more.
const PAUSE: Duration = Duration::from_millis(300);

/// The path of the interface beside the usual one.
pub(super) const GRAPHQL: &str = "/graphql";

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    /// A question to the other interface, which is put as a POST and changes nothing.
    Query,
    Post,
    Patch,
}

impl Method {
    fn changes_things(self) -> bool {
        matches!(self, Self::Post | Self::Patch)
    }
}

/// A request; its path is absolute.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// What it is for: "the token may not ...".
    pub(super) action: &'static str,
}

/// A request that came to nothing that we know of.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// It may have been done all the same.
    pub(super) is_ambiguous: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, is_ambiguous: false }
    }
}

/// The way to the service.
pub(super) struct Wire {
    client: Octocrab,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    breakers: Registry<&'static str, BreakerClock>,
    limits: Mutex<Limits>,
    told: Mutex<BTreeSet<String>>,
    refused: Mutex<Vec<Refused>>,
}

/// What is not asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Everything,
    Writes,
    /// Pull requests aside.
    IssueWrites,
    Action(&'static str),
}

impl Wire {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let client = client(&settings)?;
        let breakers = Registry::new(settings.breaker.clone(), BreakerClock(Arc::clone(&clock)));
        Ok(Self {
            client,
            settings,
            clock,
            breakers,
            limits: Mutex::default(),
            told: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// Asks for something; nothing else than a success is given back.
    pub(super) async fn get(&self, path: String, action: &'static str) -> Result<Answer, Error> {
        let answer = self.ask(path, action).await?;
        if answer.is_success() { Ok(answer) } else { Err(self.refusal(&answer, action, false)) }
    }

    /// Asks for something and gives back whatever is said, throttling aside.
    pub(super) async fn ask(&self, path: String, action: &'static str) -> Result<Answer, Error> {
        let call = Call { method: Method::Get, path, body: None, action };
        self.ask_twice(&call).await
    }

    /// Puts a question to the other interface; its path is not that of requests.
    pub(super) async fn query(&self, body: Value, action: &'static str) -> Result<Answer, Error> {
        let path = GRAPHQL.to_owned();
        let call = Call { method: Method::Query, path, body: Some(body), action };
        let answer = self.ask_twice(&call).await?;
        if answer.is_success() { Ok(answer) } else { Err(self.refusal(&answer, action, false)) }
    }

    async fn ask_twice(&self, call: &Call) -> Result<Answer, Error> {
        match self.exchange(call).await {
            Err(failure) if failure.is_ambiguous => {
                self.clock.pause(PAUSE).await;
                self.exchange(call).await.map_err(|failure| failure.error)
            }
            done => done.map_err(|failure| failure.error),
        }
    }

    /// Changes something; nothing else than a success is given back.
    pub(super) async fn write(&self, call: &Call) -> Result<Answer, Failure> {
        let answer = self.exchange(call).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(self.refusal(&answer, call.action, true).into())
    }

    /// Changes something and gives back whatever is said, throttling aside.
    pub(super) async fn answered(&self, call: &Call) -> Result<Answer, Failure> {
        self.exchange(call).await
    }

    /// Tells something once.
    pub(super) fn tell_once(&self, message: &str) {
        if lock(&self.told).insert(message.to_owned()) {
            tracing::warn!("GitHub: {message}");
        }
    }

    /// The error of a refusal; what stays refused is noted.
    pub(super) fn refusal(&self, answer: &Answer, action: &'static str, writes: bool) -> Error {
        self.noted(answer.refusal(action, &self.settings), action, writes)
    }

    /// The error of a refusal that came as a success.
    pub(super) fn mutation_refusal(&self, error: &Value, action: &'static str) -> Error {
        let said = self.settings.token.clean(error["message"].as_str().unwrap_or_default());
        let error = match error["type"].as_str().unwrap_or_default() {
            "FORBIDDEN" => Error::Forbidden { action, right: said },
            "RATE_LIMITED" => {
                let retry_in = lock(&self.limits).throttled(self.clock.now(), None);
                Error::RateLimited { retry_in }
            }
            _ => Error::Rejected { action, status: 200, said },
        };
        self.noted(error, action, true)
    }

    fn noted(&self, error: Error, action: &'static str, writes: bool) -> Error {
        let refused = match &error {
            Error::BadToken { .. } => Some(Refused::Everything),
            Error::IssuesDisabled { .. } if writes => Some(Refused::IssueWrites),
            Error::Archived { .. } if writes => Some(Refused::Writes),
            Error::Forbidden { .. } | Error::JobsMayNotOpen => Some(Refused::Action(action)),
            _ => None,
        };
        if let Some(refused) = refused {
            let mut all = lock(&self.refused);
            if !all.contains(&refused) {
                all.push(refused);
            }
        }
        error
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, Failure> {
        self.check_refused(call)?;
        let mut answer = self.one(call).await?;
        if let Some(told) = answer.throttled() {
            let rest = lock(&self.limits).throttled(self.clock.now(), told);
            if rest > self.settings.patience {
                return Err(Error::RateLimited { retry_in: rest }.into());
            }
            // Nothing was done, so it is safe to ask again.
            answer = self.one(call).await?;
            if let Some(told) = answer.throttled() {
                let retry_in = lock(&self.limits).throttled(self.clock.now(), told);
                return Err(Error::RateLimited { retry_in }.into());
            }
        }
        if !answer.is_redirect() {
            return Ok(answer);
        }
        let moved = Call { path: self.followed(&answer, call)?, ..call.clone() };
        self.tell_once("the repository or an issue has moved; github.repository should name it as it is called now");
        let answer = self.one(&moved).await?;
        if answer.is_redirect() {
            return Err(unreachable("it leads from one address to the next").into());
        }
        Ok(answer)
    }

    fn check_refused(&self, call: &Call) -> Result<(), Error> {
        let is_refused = lock(&self.refused).iter().any(|refused| match refused {
            Refused::Everything => true,
            Refused::Writes => call.method.changes_things(),
            Refused::IssueWrites => call.method.changes_things() && !self.is_about_pulls(call),
            Refused::Action(action) => *action == call.action,
        });
        if is_refused { Err(Error::StillRefused { action: call.action }) } else { Ok(()) }
    }

    fn is_about_pulls(&self, call: &Call) -> bool {
        let rest = call.path.strip_prefix(&self.repository_path()).unwrap_or(&call.path);
        rest == GRAPHQL || rest.starts_with("/pulls")
    }

    /// The whole path, with what stands before it on an Enterprise server.
    fn whole(&self, path: &str) -> String {
        let before = self.settings.api_url.path().trim_end_matches('/');
        match before.strip_suffix("/v3").filter(|_| path == GRAPHQL) {
            Some(beside) => format!("{beside}{path}"),
            None => format!("{before}{path}"),
        }
    }

    /// Where a redirect leads; the token goes to no other service.
    fn followed(&self, answer: &Answer, call: &Call) -> Result<String, Error> {
        let api = &self.settings.api_url;
        let target = answer.told.location.as_deref().and_then(|to| api.join(to).ok());
        let target = target.filter(|target| target.origin() == api.origin());
        let Some(target) = target else {
            let said = "it was redirected to another service".to_owned();
            return Err(Error::Rejected { action: call.action, status: answer.status, said });
        };
        let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
        let base = api.path().trim_end_matches('/');
        let path = target.path().strip_prefix(base).unwrap_or(target.path());
        Ok(format!("{path}{query}"))
    }

    /// One request, in its turn.
    async fn one(&self, call: &Call) -> Result<Answer, Failure> {
        self.wait_for_turn(call).await?;
        let permit = self.breakers.breaker(&KEY).try_acquire_owned().map_err(|rejected| {
            let seconds = rejected.retry_after.as_secs();
            unreachable(&format!("it failed too often; it is asked again in {seconds} s"))
        })?;
        let sent = tokio::time::timeout(self.settings.request_limit, self.send(call)).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => {
                // Whatever the breaker makes of it, it is told on its way out.
                let _ = permit.failure();
                return Err(failure);
            }
            Err(_) => {
                let _ = permit.failure();
                return Err(Failure {
                    error: unreachable("no answer in time"),
                    is_ambiguous: true,
                });
            }
        };
        self.judged(answer, permit)
    }

    async fn wait_for_turn(&self, call: &Call) -> Result<(), Error> {
        let now = self.clock.now();
        let rest = lock(&self.limits).resting(now);
        if let Some(retry_in) = rest {
            if retry_in > self.settings.patience {
                return Err(Error::RateLimited { retry_in });
            }
            self.clock.pause(retry_in).await;
        }
        if call.method.changes_things() {
            let now = self.clock.now();
            let wait = lock(&self.limits).take_place(now, self.settings.pace);
            if !wait.is_zero() {
                self.clock.pause(wait).await;
            }
        }
        Ok(())
    }

    /// What an answer says about the service itself.
    fn judged(&self, answer: Answer, permit: Permit<BreakerClock>) -> Result<Answer, Failure> {
        if answer.status >= 500 {
            let _ = permit.failure();
            let said = self.settings.token.clean(answer.said());
            let why = format!("it answered {} {said}", answer.status);
            return Err(Failure { error: unreachable(why.trim_end()), is_ambiguous: true });
        }
        if answer.throttled().is_some() {
            let _ = permit.ignore();
            return Ok(answer);
        }
        let _ = permit.success();
        let mut limits = lock(&self.limits);
        limits.answered();
        if let Some(span) = answer.told.used_up {
            limits.rest(self.clock.now(), span);
        }
        drop(limits);
        Ok(answer)
    }

    async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let path = self.whole(&call.path);
        let sent = match call.method {
            Method::Get => self.client._get(path).await,
            Method::Query | Method::Post => self.client._post(path, call.body.as_ref()).await,
            Method::Patch => self.client._patch(path, call.body.as_ref()).await,
        };
        let response = sent.map_err(|error| self.broken(&error))?;
        let status = response.status().as_u16();
        let told = Told::read(response.headers(), self.clock.wall());
        let lost = |why: &str| Failure { error: unreachable(why), is_ambiguous: true };
        let read = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let bytes = read.map_err(|_| lost("its answer was cut off, or has no end"))?.to_bytes();
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        match body {
            Ok(body) => Ok(Answer { status, told, body }),
            // A gateway's page about an error has its status; one instead of an answer is none.
            Err(_) if status >= 300 => Ok(Answer { status, told, body: Value::Null }),
            Err(_) => Err(lost("what answered is not GitHub")),
        }
    }

    fn broken(&self, error: &octocrab::Error) -> Failure {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let (mut words, mut is_ambiguous) = (String::new(), true);
        while let Some(inner) = cause {
            if let Some(own) = inner.downcast_ref::<reqwest::Error>() {
                is_ambiguous &= !own.is_connect() && !own.is_builder();
            }
            // The innermost says most, and knows no address.
            let io = inner.downcast_ref::<io::Error>();
            // A kind that says nothing leaves it to the system's own words.
            let kind = io.map(|io| io.kind().to_string());
            let kind =
                kind.filter(|kind| !matches!(kind.as_str(), "uncategorized error" | "other error"));
            let said = kind.unwrap_or_else(|| inner.to_string());
            if inner.source().is_none() || io.is_some() {
                words = said;
            }
            cause = inner.source();
        }
        Failure { error: unreachable(&self.settings.token.clean(&words)), is_ambiguous }
    }
}

pub(super) fn unreachable(why: &str) -> Error {
    Error::Unreachable { why: why.to_owned() }
}

/// Nothing panics halfway through a change under a lock, so what is in it is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn client(settings: &Settings) -> Result<Octocrab, Error> {
    const NO_CLIENT: &str = "no client for GitHub can be made";
    let invalid = Error::Invalid;
    let mut token = HeaderValue::from_str(&format!("Bearer {}", settings.token.expose()))
        .map_err(|_| invalid("a token is one word of plain characters"))?;
    token.set_sensitive(true);
    let kind = HeaderValue::from_static("application/vnd.github+json");
    let mut builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_LIMIT)
        .timeout(settings.request_limit)
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, token), (ACCEPT, kind)]));
    let is_here = is_on_this_machine(&settings.api_url);
    if is_here && settings.api_url.scheme() == "http" {
        // Without encryption no certificate is looked at, and no redirect leads away.
        builder = builder.tls_certs_only([]);
    }
    if let Some(proxy) = settings.proxy.as_ref().filter(|_| !is_here) {
        let all = reqwest::Proxy::all(proxy.url.as_str())
            .map_err(|_| invalid("the address of the proxy cannot be used"))?;
        builder = builder.proxy(all.no_proxy(reqwest::NoProxy::from_string(&proxy.except)));
    }
    let client = builder.build().map_err(|_| invalid(NO_CLIENT))?;
    let api = settings.api_url.origin().ascii_serialization();
    let octocrab = OctocrabBuilder::new().base_uri(api).map_err(|_| invalid(NO_CLIENT))?;
    octocrab.build_with_reqwest(client).map_err(|_| invalid(NO_CLIENT))
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
