//! The layer: when the permit is taken, and how long it lives.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use circuit_breaker::tower::{BreakerLayer, GuardedBody};
use circuit_breaker::{CallError, ManualClock, Outcome, Settings, State};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::Bench;

/// A body of given frames; where they end without its end being marked, more are to come.
#[derive(Debug, Default)]
struct Frames {
    frames: VecDeque<Option<Result<&'static str, &'static str>>>,
    /// Whether it knows of its last frame that it is the last.
    foresees: bool,
}

impl Body for Frames {
    type Data = &'static [u8];
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.frames.pop_front() {
            None => Poll::Pending,
            Some(None) => Poll::Ready(None),
            Some(Some(frame)) => Poll::Ready(Some(frame.map(|text| Frame::data(text.as_bytes())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.foresees && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.frames.len() as u64)
    }
}

type Given = Result<Response<Frames>, &'static str>;

/// Answers with what it is given, and counts how often it is called.
#[derive(Clone, Default)]
struct Fixed {
    answer: Rc<RefCell<Option<Given>>>,
    called: Rc<RefCell<usize>>,
}

impl Service<()> for Fixed {
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = Ready<Given>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        *self.called.borrow_mut() += 1;
        ready(self.answer.borrow_mut().take().unwrap_or(Err("nothing to say")))
    }
}

type Answer = Result<Response<GuardedBody<Frames, ManualClock>>, CallError<&'static str>>;

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn now<F: Future>(future: F) -> F::Output {
    let output = match pin!(future).poll(&mut context()) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    };
    output.unwrap()
}

/// One failure opens it.
fn bench() -> Bench {
    Bench::new(Settings { failure_threshold: 1, ..Settings::default() })
}

fn ask(bench: &Bench, answer: Given) -> Answer {
    let inner = Fixed::default();
    *inner.answer.borrow_mut() = Some(answer);
    now(BreakerLayer::new(bench.breaker.clone()).layer(inner).call(()))
}

fn response(status: u16, body: Frames) -> Given {
    Ok(Response::builder().status(status).body(body).unwrap())
}

fn frames(frames: &[Option<Result<&'static str, &'static str>>]) -> Frames {
    Frames { frames: frames.iter().copied().collect(), foresees: false }
}

/// Reads as far as something is there.
fn read(body: &mut GuardedBody<Frames, ManualClock>) -> usize {
    let mut read = 0;
    while let Poll::Ready(Some(Ok(_))) = Pin::new(&mut *body).poll_frame(&mut context()) {
        read += 1;
    }
    read
}

/// Trap 5: a success booked at the first byte hides a stream that dies later.
#[test]
fn the_permit_lives_until_the_body_has_ended() {
    let bench = bench();
    bench.make_probe_due();
    let body = frames(&[Some(Ok("first")), None]);
    let mut body = ask(&bench, response(200, body)).unwrap().into_body();
    assert_eq!(bench.state(), State::HalfOpen, "the head alone decides nothing");
    assert!(bench.breaker.try_acquire().is_err(), "the probe is under way");
    assert_eq!(read(&mut body), 1);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn a_body_that_dies_is_a_failure_after_a_good_head() {
    let bench = bench();
    let body = frames(&[Some(Ok("first")), Some(Err("reset"))]);
    let mut body = ask(&bench, response(200, body)).unwrap().into_body();
    assert_eq!(bench.text(), "CLOSED");
    assert_eq!(read(&mut body), 1);
    assert_eq!(bench.text(), "OPEN");
}

/// Trap 1, with a stream: whoever stops reading says nothing of the service, and frees the place.
#[test]
fn a_body_dropped_halfway_is_ignored_and_frees_the_place() {
    let bench = bench();
    bench.make_probe_due();
    let mut body = ask(&bench, response(200, frames(&[Some(Ok("first"))]))).unwrap().into_body();
    read(&mut body);
    drop(body);
    assert_eq!(bench.state(), State::HalfOpen);
    assert!(bench.breaker.try_acquire().is_ok());
}

#[test]
fn a_reader_that_sees_the_last_frame_coming_need_not_poll_again() {
    let bench = bench();
    bench.make_probe_due();
    let body = Frames { foresees: true, ..frames(&[Some(Ok("only"))]) };
    let mut body = ask(&bench, response(200, body)).unwrap().into_body();
    let frame = Pin::new(&mut body).poll_frame(&mut context());
    assert!(matches!(frame, Poll::Ready(Some(Ok(_)))));
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn an_empty_body_is_at_its_end() {
    let bench = bench();
    bench.make_probe_due();
    let body = Frames { foresees: true, ..Frames::default() };
    let _unread = ask(&bench, response(204, body)).unwrap();
    assert_eq!(bench.state(), State::Closed);
}

/// Trap 4: a client's own mistake is held against nobody.
#[test]
fn the_status_decides_between_three_outcomes() {
    let after = |answer| {
        let bench = bench();
        let _ = ask(&bench, answer);
        bench.text()
    };
    assert_eq!(after(response(503, Frames::default())), "OPEN");
    assert_eq!(after(Err("refused")), "OPEN");
    for status in [400, 404, 429] {
        let bench = bench();
        bench.make_probe_due();
        let ended = Frames { foresees: true, ..Frames::default() };
        let _ = ask(&bench, response(status, ended));
        assert_eq!(bench.text(), "HALF-OPEN", "{status}");
    }
}

/// A reader goes by what the body itself knows of its length and its end.
#[test]
fn what_a_body_knows_of_itself_is_handed_on() {
    let bench = bench();
    let body = Frames { foresees: true, ..frames(&[Some(Ok("first")), Some(Ok("last"))]) };
    let mut body = ask(&bench, response(200, body)).unwrap().into_body();
    assert_eq!((body.is_end_stream(), body.size_hint().exact()), (false, Some(2)));
    read(&mut body);
    assert_eq!((body.is_end_stream(), body.size_hint().exact()), (true, Some(0)));
}

/// Never ready.
struct Busy;

impl Service<()> for Busy {
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = Ready<Given>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Err("called before it was ready"))
    }
}

#[test]
fn a_service_that_is_not_ready_is_not_called_ready() {
    let mut service = BreakerLayer::new(bench().breaker).layer(Busy);
    assert!(service.poll_ready(&mut context()).is_pending());
}

/// Whoever polls for readiness and never calls must not hold the probe's place.
#[test]
fn readiness_takes_no_permit_and_a_rejected_call_reaches_nobody() {
    let bench = bench();
    bench.make_probe_due();
    let inner = Fixed::default();
    let mut service = BreakerLayer::new(bench.breaker.clone()).layer(inner.clone());
    for _ in 0..3 {
        assert!(matches!(service.poll_ready(&mut context()), Poll::Ready(Ok(()))));
    }
    assert_eq!(bench.state(), State::Open);
    let probe = bench.breaker.try_acquire().unwrap();
    assert!(matches!(now(service.call(())), Err(CallError::Rejected(_))));
    assert_eq!(*inner.called.borrow(), 0);
    drop(probe);
    drop(service.call(()));
    assert!(bench.breaker.try_acquire().is_ok(), "a dropped future frees the place");
}

#[test]
fn another_classifier_may_be_given() {
    let bench = bench();
    let inner = Fixed::default();
    *inner.answer.borrow_mut() = Some(response(404, Frames::default()));
    let strict = |head: Result<&http::response::Parts, &&'static str>| match head {
        Ok(parts) if parts.status == StatusCode::OK => Outcome::Success,
        _ => Outcome::Failure,
    };
    let layer = BreakerLayer::with_classifier(bench.breaker.clone(), strict);
    let _ = now(layer.layer(inner).call(()));
    assert_eq!(bench.text(), "OPEN");
}
