//! A layer for services of HTTP, with the feature `tower`.
//!
//! Two things go wrong where a breaker meets tower. A permit that is taken in `poll_ready` is taken
//! by callers who never call: whoever polls a service and then drops the request holds the probe's
//! place. Here it is taken in `call`. And a permit that ends with the head of the response books a
//! success for a body that dies halfway. Here it lives in the body, until that has ended.
//!
//! ```
//! # fn main() {
//! use circuit_breaker::tower::BreakerLayer;
//! use circuit_breaker::{CircuitBreaker, Settings, SystemClock};
//! use tower_layer::Layer;
//!
//! let breaker = CircuitBreaker::new(Settings::default(), SystemClock);
//! let layer = BreakerLayer::new(breaker.clone());
//! # struct Client;
//! let service = layer.layer(Client);
//! // `breaker` can be looked at, forced and saved while the service is in use.
//! assert_eq!(breaker.status().to_string(), "CLOSED");
//! # }
//! ```

mod body;
mod future;

pub use body::GuardedBody;
pub use future::ResponseFuture;

use std::task::{Context, Poll};

use http::response::Parts;
use tower_layer::Layer;
use tower_service::Service;

use crate::{CallError, CircuitBreaker, Clock, Outcome, SystemClock};

/// What the head of a response, or the lack of one, says of the service. Of a success the body has
/// the last word.
///
/// Implemented for closures `Fn(Result<&Parts, &E>) -> Outcome`.
pub trait Classify<E>: Clone {
    /// The outcome as far as it is known yet.
    fn classify(&self, head: Result<&Parts, &E>) -> Outcome;
}

impl<E, F> Classify<E> for F
where
    F: Fn(Result<&Parts, &E>) -> Outcome + Clone,
{
    fn classify(&self, head: Result<&Parts, &E>) -> Outcome {
        self(head)
    }
}

/// No response and every 5xx is a failure. Any other 4xx than 429 says that the service is there,
/// and nothing of how it does; 429 asks for a pause, which is not an outage: both are ignored.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByStatus;

impl<E> Classify<E> for ByStatus {
    fn classify(&self, head: Result<&Parts, &E>) -> Outcome {
        match head.map(|parts| parts.status) {
            Err(_) => Outcome::Failure,
            Ok(status) if status.is_server_error() => Outcome::Failure,
            Ok(status) if status.is_client_error() => Outcome::Ignored,
            Ok(_) => Outcome::Success,
        }
    }
}

/// Puts a breaker before a service. All services that one layer is put on share its breaker.
#[derive(Clone, Debug)]
pub struct BreakerLayer<C: Clock = SystemClock, F = ByStatus> {
    breaker: CircuitBreaker<C>,
    classify: F,
}

impl<C: Clock> BreakerLayer<C> {
    /// With [`ByStatus`].
    #[must_use]
    pub fn new(breaker: CircuitBreaker<C>) -> Self {
        Self { breaker, classify: ByStatus }
    }
}

impl<C: Clock, F> BreakerLayer<C, F> {
    /// With another classifier.
    #[must_use]
    pub fn with_classifier(breaker: CircuitBreaker<C>, classify: F) -> Self {
        Self { breaker, classify }
    }
}

impl<S, C: Clock, F: Clone> Layer<S> for BreakerLayer<C, F> {
    type Service = Guarded<S, C, F>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, breaker: self.breaker.clone(), classify: self.classify.clone() }
    }
}

/// A service behind a breaker.
#[derive(Clone, Debug)]
pub struct Guarded<S, C: Clock = SystemClock, F = ByStatus> {
    inner: S,
    breaker: CircuitBreaker<C>,
    classify: F,
}

impl<S, C, F, Request, Body> Service<Request> for Guarded<S, C, F>
where
    S: Service<Request, Response = http::Response<Body>>,
    C: Clock,
    F: Classify<S::Error>,
    Body: http_body::Body,
{
    type Response = http::Response<GuardedBody<Body, C>>;
    type Error = CallError<S::Error>;
    type Future = ResponseFuture<S::Future, C, F>;

    /// The inner service's readiness alone: an open breaker is ready to reject at once.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(CallError::Failed)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.breaker.try_acquire_owned() {
            Ok(permit) => {
                ResponseFuture::admitted(self.inner.call(request), permit, self.classify.clone())
            }
            Err(rejected) => ResponseFuture::rejected(rejected),
        }
    }
}
