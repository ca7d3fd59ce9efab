//! A whole call under a permit, for callers that have no answer to hold on to afterwards.
//!
//! Taking a permit and reporting by hand leaves a way out at each `?` in between. Here there is one
//! way in and one way out; whatever unwinds or is cancelled on the way is ignored, not counted.

use std::fmt;

use crate::{CircuitBreaker, Clock, Outcome, Rejected};

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError<E> {
    /// The breaker turned the call away; it was not made.
    Rejected(Rejected),
    /// The call was made and failed, in the service or before it.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            // Shown by this error itself, so its own source comes next.
            Self::Failed(error) => error.source(),
        }
    }
}

impl<E> From<Rejected> for CallError<E> {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// The classifier for services all of whose errors are their own: `Ok` is a success, `Err` a
/// failure.
pub fn every_error_counts<T, E>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}

impl<C: Clock> CircuitBreaker<C> {
    /// Makes the call if a permit is to be had, and reports what `classify` says of its result.
    ///
    /// A panic in either is [`Outcome::Ignored`]: it is this process's fault.
    ///
    /// ```
    /// use circuit_breaker::{CallError, CircuitBreaker, ManualClock, Outcome, Settings};
    ///
    /// let breaker = CircuitBreaker::new(Settings::default(), ManualClock::new());
    /// // A client's mistake says nothing about the service.
    /// let classify = |result: &Result<(), u16>| match result {
    ///     Ok(()) => Outcome::Success,
    ///     Err(400..=499) => Outcome::Ignored,
    ///     Err(_) => Outcome::Failure,
    /// };
    /// assert_eq!(breaker.call(|| Err(404), classify), Err(CallError::Failed(404)));
    /// assert_eq!(breaker.status().to_string(), "CLOSED");
    /// assert_eq!(breaker.call(|| Err(503), classify), Err(CallError::Failed(503)));
    /// assert_eq!(breaker.status().to_string(), "MONITORING (1/5)");
    /// ```
    ///
    /// # Errors
    /// [`CallError::Rejected`] if there is no permit, else the call's own error.
    pub fn call<T, E>(
        &self,
        call: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        let result = call();
        // Of a stale result nothing is to be done: the caller gets it all the same.
        let _ = permit.record(classify(&result));
        result.map_err(CallError::Failed)
    }

    /// The same for a call that is awaited. The permit is taken when the future is first polled,
    /// not when it is made, and given back if the future is dropped.
    ///
    /// It is held until `call` is done: a call that returns at the first byte of a stream should
    /// take [`try_acquire_owned`](Self::try_acquire_owned) instead and keep it with the stream.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_async<T, E, F>(
        &self,
        call: impl FnOnce() -> F,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let permit = self.try_acquire()?;
        let result = call().await;
        let _ = permit.record(classify(&result));
        result.map_err(CallError::Failed)
    }
}
