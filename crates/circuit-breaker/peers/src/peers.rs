//! Each breaker behind the same few calls, set to open at the first failure, for a moment, and to
//! let one probe through, as far as it can be set so.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tower::{Service, ServiceExt};
use tower_resilience_circuitbreaker::CircuitState;

use crate::carried::{ByNothing as _, Carried};

#[derive(Debug)]
pub struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

/// A call whose end the probe decides.
#[derive(Clone, Default)]
pub struct Work(Arc<AtomicU8>);

impl Work {
    pub fn end(&self, well: bool) {
        self.0.store(if well { 1 } else { 2 }, Ordering::SeqCst);
    }

    pub fn ended(well: bool) -> Self {
        let work = Self::default();
        work.end(well);
        work
    }

    /// Whether somebody else holds it: the breaker let it through.
    pub fn begun(&self) -> bool {
        self.0.load(Ordering::SeqCst) & 4 != 0
    }
}

impl Future for Work {
    type Output = Result<(), Failed>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.fetch_or(4, Ordering::SeqCst) & 3 {
            0 => Poll::Pending,
            1 => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(Failed)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Success,
    Failure,
    Rejected,
}

pub type Call = Pin<Box<dyn Future<Output = Answer>>>;

pub trait Peer {
    fn name(&self) -> &'static str;
    fn call(&self, work: Work) -> Call;

    /// What another process needs to go on, by whatever this one offers to get at it; `None` if
    /// that is nothing.
    fn save(&self) -> Option<String>;

    /// Goes on from what `save` wrote.
    fn take_over(&mut self, saved: &str);
}

/// A new one that stays open for that long.
pub type Make = fn(Duration) -> Box<dyn Peer>;

pub fn all() -> Vec<Make> {
    vec![
        |open| Box::new(Ours::new(open)),
        |open| Box::new(Failsafe::new(open)),
        |open| Box::new(Recloser::new(open)),
        |open| Box::new(CircuitbreakerRs::new(open)),
        |open| Box::new(TowerResilience::new(open)),
    ]
}

pub struct Ours(circuit_breaker::CircuitBreaker);

impl Ours {
    fn new(open: Duration) -> Self {
        let settings = circuit_breaker::Settings {
            failure_threshold: 1,
            reset_timeout: open,
            ..circuit_breaker::Settings::default()
        };
        Self(circuit_breaker::CircuitBreaker::new(settings, circuit_breaker::SystemClock))
    }
}

impl Peer for Ours {
    fn name(&self) -> &'static str {
        "circuit-breaker"
    }

    fn call(&self, work: Work) -> Call {
        let breaker = self.0.clone();
        Box::pin(async move {
            match breaker.call_async(|| work, circuit_breaker::every_error_counts).await {
                Ok(()) => Answer::Success,
                Err(circuit_breaker::CallError::Rejected(_)) => Answer::Rejected,
                Err(circuit_breaker::CallError::Failed(Failed)) => Answer::Failure,
            }
        })
    }

    fn save(&self) -> Option<String> {
        Carried::<circuit_breaker::Snapshot>::write(&self.0.snapshot())
    }

    fn take_over(&mut self, saved: &str) {
        let snapshot = Carried::<circuit_breaker::Snapshot>::read(saved);
        let warning = snapshot.and_then(|snapshot| self.0.restore(&snapshot));
        assert_eq!(warning, None);
    }
}

type FailsafePolicy = failsafe::failure_policy::ConsecutiveFailures<std::iter::Repeat<Duration>>;

type FailsafeMachine = failsafe::StateMachine<FailsafePolicy, ()>;

pub struct Failsafe(FailsafeMachine);

impl Failsafe {
    fn new(open: Duration) -> Self {
        let backoff = failsafe::backoff::constant(open);
        let policy = failsafe::failure_policy::consecutive_failures(1, backoff);
        Self(failsafe::Config::new().failure_policy(policy).build())
    }
}

impl Peer for Failsafe {
    fn name(&self) -> &'static str {
        "failsafe 1.3.0"
    }

    fn call(&self, work: Work) -> Call {
        let breaker = self.0.clone();
        Box::pin(async move {
            match failsafe::futures::CircuitBreaker::call(&breaker, work).await {
                Ok(()) => Answer::Success,
                Err(failsafe::Error::Rejected) => Answer::Rejected,
                Err(failsafe::Error::Inner(Failed)) => Answer::Failure,
            }
        })
    }

    fn save(&self) -> Option<String> {
        let whole = Carried::<FailsafeMachine>::write(&self.0);
        whole.or_else(|| Some(self.0.is_call_permitted().to_string()))
    }

    /// Its state cannot be set, but it can be told of a failure that it did not see.
    fn take_over(&mut self, saved: &str) {
        match Carried::<FailsafeMachine>::read(saved) {
            Some(whole) => self.0 = whole,
            None if saved == "false" => self.0.on_error(),
            None => {}
        }
    }
}

pub struct Recloser(recloser::AsyncRecloser);

impl Recloser {
    fn new(open: Duration) -> Self {
        let recloser = recloser::Recloser::custom()
            .closed_len(1)
            .half_open_len(1)
            .error_rate(0.5)
            .open_wait(open)
            .build();
        Self(recloser::AsyncRecloser::from(recloser))
    }
}

impl Peer for Recloser {
    fn name(&self) -> &'static str {
        "recloser 1.4.0"
    }

    fn call(&self, work: Work) -> Call {
        let breaker = self.0.clone();
        Box::pin(async move {
            match breaker.call(work).await {
                Ok(()) => Answer::Success,
                Err(recloser::Error::Rejected) => Answer::Rejected,
                Err(recloser::Error::Inner(Failed)) => Answer::Failure,
            }
        })
    }

    /// Nothing tells its state but a call, and a call that is let through changes it.
    fn save(&self) -> Option<String> {
        Carried::<recloser::AsyncRecloser>::write(&self.0)
    }

    fn take_over(&mut self, saved: &str) {
        if let Some(whole) = Carried::<recloser::AsyncRecloser>::read(saved) {
            self.0 = whole;
        }
    }
}

type Rs = circuitbreaker_rs::CircuitBreaker<circuitbreaker_rs::DefaultPolicy, Failed>;

pub struct CircuitbreakerRs(Rs);

impl CircuitbreakerRs {
    fn new(open: Duration) -> Self {
        let builder = Rs::builder().consecutive_failures(1).consecutive_successes(1);
        Self(builder.cooldown(open).probe_interval(1).build())
    }
}

impl Peer for CircuitbreakerRs {
    fn name(&self) -> &'static str {
        "circuitbreaker-rs 0.1.1"
    }

    fn call(&self, work: Work) -> Call {
        let breaker = self.0.clone();
        Box::pin(async move {
            match breaker.call_async(|| work).await {
                Ok(()) => Answer::Success,
                Err(circuitbreaker_rs::BreakerError::Operation(Failed)) => Answer::Failure,
                Err(_) => Answer::Rejected,
            }
        })
    }

    fn save(&self) -> Option<String> {
        let whole = Carried::<Rs>::write(&self.0);
        whole.or_else(|| Some((self.0.current_state() as u8).to_string()))
    }

    fn take_over(&mut self, saved: &str) {
        if let Some(whole) = Carried::<Rs>::read(saved) {
            self.0 = whole;
            return;
        }
        let state = saved.parse().map(|number: u8| circuitbreaker_rs::State::from(number));
        if state == Ok(circuitbreaker_rs::State::Open) {
            assert!(self.0.force_open());
        }
    }
}

type Inner = tower::util::BoxCloneService<Work, (), Failed>;
type Tower = tower_resilience_circuitbreaker::CircuitBreaker<
    Inner,
    tower_resilience_circuitbreaker::DefaultClassifier,
>;

pub struct TowerResilience(Tower);

impl TowerResilience {
    fn new(open: Duration) -> Self {
        let set = |builder: Builder| builder.consecutive_failures(1).wait_duration_in_open(open);
        Self(tower_resilience(set))
    }
}

type Builder = tower_resilience_circuitbreaker::CircuitBreakerConfigBuilder<
    tower_resilience_circuitbreaker::DefaultClassifier,
>;

pub fn tower_resilience(set: impl FnOnce(Builder) -> Builder) -> Tower {
    let builder = tower_resilience_circuitbreaker::CircuitBreakerLayer::builder();
    let layer =
        set(builder.permitted_calls_in_half_open(1)).build().expect("the settings are in range");
    layer.layer_fn(tower::service_fn(|work: Work| work).boxed_clone())
}

impl Peer for TowerResilience {
    fn name(&self) -> &'static str {
        "tower-resilience-circuitbreaker 0.14.0"
    }

    fn call(&self, work: Work) -> Call {
        let mut breaker = self.0.clone();
        Box::pin(async move {
            let answer = match breaker.ready().await {
                Ok(ready) => ready.call(work).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(()) => Answer::Success,
                Err(tower_resilience_circuitbreaker::CircuitBreakerError::OpenCircuit) => {
                    Answer::Rejected
                }
                Err(_) => Answer::Failure,
            }
        })
    }

    fn save(&self) -> Option<String> {
        Carried::<Tower>::write(&self.0)
            .or_else(|| Carried::<CircuitState>::write(&self.0.state_sync()))
    }

    fn take_over(&mut self, saved: &str) {
        if let Some(whole) = Carried::<Tower>::read(saved) {
            self.0 = whole;
        } else if Carried::<CircuitState>::read(saved) == Some(CircuitState::Open) {
            let mut force = std::pin::pin!(self.0.force_open());
            let forced = force.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(forced.is_ready());
        }
    }
}
