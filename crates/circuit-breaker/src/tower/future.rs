//! The wait for the head of the response. If it is dropped, so is the permit: ignored.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Classify, GuardedBody};
use crate::{CallError, Clock, Outcome, OwnedPermit, Rejected};

pin_project! {
    /// A response to come, or a rejection that is there already.
    pub struct ResponseFuture<F, C: Clock, Y> {
        #[pin]
        state: State<F, C, Y>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, C: Clock, Y> {
        Admitted { #[pin] response: F, permit: Option<OwnedPermit<C>>, classify: Y },
        Rejected { rejected: Rejected },
    }
}

impl<F, C: Clock, Y> ResponseFuture<F, C, Y> {
    pub(super) fn admitted(response: F, permit: OwnedPermit<C>, classify: Y) -> Self {
        Self { state: State::Admitted { response, permit: Some(permit), classify } }
    }

    pub(super) fn rejected(rejected: Rejected) -> Self {
        Self { state: State::Rejected { rejected } }
    }
}

impl<F, C, Y, B, E> Future for ResponseFuture<F, C, Y>
where
    F: Future<Output = Result<http::Response<B>, E>>,
    C: Clock,
    Y: Classify<E>,
    B: http_body::Body,
{
    type Output = Result<http::Response<GuardedBody<B, C>>, CallError<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (response, permit, classify) = match self.project().state.project() {
            Projected::Admitted { response, permit, classify } => (response, permit, classify),
            Projected::Rejected { rejected } => {
                return Poll::Ready(Err(CallError::Rejected(*rejected)));
            }
        };
        let Poll::Ready(result) = response.poll(context) else {
            return Poll::Pending;
        };
        let permit = permit.take();
        Poll::Ready(match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let outcome = classify.classify(Ok(&parts));
                let body = GuardedBody::new(body, still_open(permit, outcome));
                Ok(http::Response::from_parts(parts, body))
            }
            Err(error) => {
                report(permit, classify.classify(Err(&error)));
                Err(CallError::Failed(error))
            }
        })
    }
}

/// The permit, if the body has yet to decide.
fn still_open<C: Clock>(
    permit: Option<OwnedPermit<C>>,
    outcome: Outcome,
) -> Option<OwnedPermit<C>> {
    if outcome == Outcome::Success {
        return permit;
    }
    report(permit, outcome);
    None
}

/// Of a stale result nothing is to be done here.
pub(super) fn report<C: Clock>(permit: Option<OwnedPermit<C>>, outcome: Outcome) {
    if let Some(permit) = permit {
        let _ = permit.record(outcome);
    }
}
