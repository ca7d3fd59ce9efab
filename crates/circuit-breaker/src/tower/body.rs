//! The body of a response, which carries the permit to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::future::report;
use crate::{Clock, Outcome, OwnedPermit};

pin_project! {
    /// A body whose end is a success and whose error is a failure. Dropped before either, it says
    /// nothing: whoever reads it has lost interest.
    pub struct GuardedBody<B, C: Clock> {
        #[pin]
        inner: B,
        // `None` once there is nothing left to report.
        permit: Option<OwnedPermit<C>>,
    }
}

impl<B: Body, C: Clock> GuardedBody<B, C> {
    pub(super) fn new(inner: B, permit: Option<OwnedPermit<C>>) -> Self {
        let mut body = Self { inner, permit };
        // An empty body may never be polled.
        if body.inner.is_end_stream() {
            report(body.permit.take(), Outcome::Success);
        }
        body
    }
}

impl<B: Body, C: Clock> Body for GuardedBody<B, C> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Poll::Ready(frame) = this.inner.as_mut().poll_frame(context) else {
            return Poll::Pending;
        };
        match &frame {
            Some(Err(_)) => report(this.permit.take(), Outcome::Failure),
            // Who sees from `is_end_stream` that this was the last frame does not poll again.
            Some(Ok(_)) if !this.inner.is_end_stream() => {}
            Some(Ok(_)) | None => report(this.permit.take(), Outcome::Success),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
