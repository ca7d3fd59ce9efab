//! Calls made through the breaker: what is counted, and what of a call that never ends.

use std::future::pending;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use circuit_breaker::{CallError, Outcome, Settings, State, every_error_counts};

use crate::{Bench, MINUTE};

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_call_is_made_and_its_result_counted() {
    let bench = Bench::new(Settings::default());
    assert_eq!(bench.breaker.call(|| Ok::<_, ()>(7), every_error_counts), Ok(7));
    assert_eq!(bench.breaker.successes(), 1);
    let failed = bench.breaker.call(|| Err::<(), _>("down"), every_error_counts);
    assert_eq!(failed, Err(CallError::Failed("down")));
    assert_eq!(bench.text(), "MONITORING (1/5)");
}

#[test]
fn a_rejected_call_is_not_made() {
    let bench = Bench::new(Settings::default());
    bench.breaker.trip_for(MINUTE);
    let mut made = false;
    let rejected = bench.breaker.call(
        || {
            made = true;
            Ok::<_, ()>(())
        },
        every_error_counts,
    );
    let Err(CallError::Rejected(rejected)) = rejected else {
        panic!("{rejected:?}");
    };
    assert_eq!((made, rejected.retry_after), (false, MINUTE));
}

/// Trap 4: an error of the caller's own making is no failure of the service.
#[test]
fn the_classifier_may_ignore_an_error() {
    let bench = Bench::new(Settings::default());
    let failed = bench.breaker.call(|| Err::<(), _>("bad request"), |_| Outcome::Ignored);
    assert_eq!(failed, Err(CallError::Failed("bad request")));
    assert_eq!(bench.text(), "CLOSED");
}

#[test]
fn an_awaited_call_takes_its_permit_when_it_is_first_polled() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    let waiting = pin!(bench.breaker.call_async(pending::<Result<(), ()>>, every_error_counts));
    assert_eq!(bench.state(), State::Open, "made, not begun");
    let mut waiting = waiting;
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!(bench.rejected().state, State::HalfOpen);
}

/// Trap 1: cancelled, it gives its place back and decides nothing.
#[test]
fn an_awaited_call_that_is_dropped_frees_its_place() {
    let bench = Bench::new(Settings::default());
    bench.make_probe_due();
    {
        let waiting = bench.breaker.call_async(pending::<Result<(), ()>>, every_error_counts);
        assert!(poll(pin!(waiting)).is_pending());
    }
    assert_eq!(bench.text(), "HALF-OPEN");
    let answered = bench.breaker.call_async(|| async { Ok::<_, ()>(()) }, every_error_counts);
    assert_eq!(poll(pin!(answered)), Poll::Ready(Ok(())));
    assert_eq!(bench.text(), "CLOSED");
}
