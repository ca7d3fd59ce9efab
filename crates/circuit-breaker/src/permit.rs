//! Leave to make one call, borrowed from its breaker or owning a handle to it.
//!
//! The permit is the only way to report a result, and its drop is the only thing that frees a
//! probe's place, so a cancelled future cannot leave a breaker half-open for ever.

use std::fmt;
use std::mem::ManuallyDrop;

use crate::breaker::Shared;
use crate::gate::Ticket;
use crate::{CircuitBreaker, Clock, Outcome, Recorded, SystemClock};

/// Leave to make one call, to be held until the call's whole answer is there or lost.
///
/// Dropping it counts as [`ignore`](Self::ignore): a probe's place is freed, nothing is decided.
#[must_use = "a dropped permit reports nothing"]
pub struct Permit<'b, C: Clock = SystemClock> {
    shared: &'b Shared<C>,
    ticket: Ticket,
}

impl<'b, C: Clock> Permit<'b, C> {
    #[inline]
    pub(crate) fn new(shared: &'b Shared<C>, ticket: Ticket) -> Self {
        Self { shared, ticket }
    }

    /// The service answered in full.
    #[inline]
    pub fn success(self) -> Recorded {
        let reported = ManuallyDrop::new(self);
        reported.shared.succeed(reported.ticket)
    }

    /// The service failed, by its own fault.
    pub fn failure(self) -> Recorded {
        let reported = ManuallyDrop::new(self);
        reported.shared.fail(reported.ticket)
    }

    /// The call says nothing about the service: cancelled here, or wrong in itself.
    #[inline]
    pub fn ignore(self) -> Recorded {
        let reported = ManuallyDrop::new(self);
        reported.shared.ignore(reported.ticket)
    }

    /// Whichever of the three it was.
    pub fn record(self, outcome: Outcome) -> Recorded {
        match outcome {
            Outcome::Success => self.success(),
            Outcome::Failure => self.failure(),
            Outcome::Ignored => self.ignore(),
        }
    }
}

impl<C: Clock> Drop for Permit<'_, C> {
    fn drop(&mut self) {
        // Stale or not, a dropped permit has nobody left to tell.
        let _ = self.shared.ignore(self.ticket);
    }
}

impl<C: Clock> fmt::Debug for Permit<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("number", &self.ticket.number()).finish_non_exhaustive()
    }
}

/// A [`Permit`] that keeps its breaker alive, to wander with a spawned call or a streamed answer.
#[must_use = "a dropped permit reports nothing"]
pub struct OwnedPermit<C: Clock = SystemClock> {
    breaker: CircuitBreaker<C>,
    /// `None` once it was reported.
    ticket: Option<Ticket>,
}

impl<C: Clock> OwnedPermit<C> {
    #[inline]
    pub(crate) fn new(breaker: CircuitBreaker<C>, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    /// The service answered in full.
    #[inline]
    pub fn success(mut self) -> Recorded {
        self.report(Shared::succeed)
    }

    /// The service failed, by its own fault.
    pub fn failure(mut self) -> Recorded {
        self.report(Shared::fail)
    }

    /// The call says nothing about the service: cancelled here, or wrong in itself.
    #[inline]
    pub fn ignore(mut self) -> Recorded {
        self.report(Shared::ignore)
    }

    /// Whichever of the three it was.
    pub fn record(self, outcome: Outcome) -> Recorded {
        match outcome {
            Outcome::Success => self.success(),
            Outcome::Failure => self.failure(),
            Outcome::Ignored => self.ignore(),
        }
    }

    /// Once; later calls find nothing to report.
    #[inline]
    fn report(&mut self, how: impl FnOnce(&Shared<C>, Ticket) -> Recorded) -> Recorded {
        let ticket = self.ticket.take();
        ticket.map_or(Recorded::Stale, |ticket| how(self.breaker.shared(), ticket))
    }
}

impl<C: Clock> Drop for OwnedPermit<C> {
    fn drop(&mut self) {
        let _ = self.report(Shared::ignore);
    }
}

impl<C: Clock> fmt::Debug for OwnedPermit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.ticket.map(Ticket::number);
        f.debug_struct("OwnedPermit").field("number", &number).finish_non_exhaustive()
    }
}
