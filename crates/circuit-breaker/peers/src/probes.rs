//! Five questions, each a trap that real users fell into. Everything is polled by hand, so the
//! order of things is the one written here.

use std::task::{Context, Poll, Waker};
use std::thread::sleep;
use std::time::Duration;

use crate::next;
use crate::peers::{self, Answer, Call, Peer, Work};

const OPEN: Duration = Duration::from_millis(30);

pub fn run() {
    println!(
        "| breaker | of 8 who wait | probes dropped | late failure | late success in mid-probe | next process |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for make in peers::all() {
        let answers = [
            eight_wait(&*make(OPEN)),
            dropped_probe(&*make(OPEN)),
            late_failure(&*make(OPEN)),
            late_success(&*make(OPEN)),
            next::process(make),
        ];
        println!("| {} | {} |", make(OPEN).name(), answers.join(" | "));
    }
}

fn poll(call: &mut Call) -> Poll<Answer> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

pub fn now(peer: &dyn Peer, well: bool) -> Answer {
    match poll(&mut peer.call(Work::ended(well))) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("{} waits", peer.name()),
    }
}

/// A call under way: let through, not ended.
fn begin(peer: &dyn Peer) -> (Work, Call) {
    let work = Work::default();
    let mut call = peer.call(work.clone());
    assert!(poll(&mut call).is_pending() && work.begun(), "{} rejects", peer.name());
    (work, call)
}

pub fn open(peer: &dyn Peer) {
    for _ in 0..100 {
        if now(peer, false) == Answer::Rejected {
            return;
        }
    }
    panic!("{} does not open", peer.name());
}

fn wait() {
    sleep(OPEN + OPEN / 2);
}

/// Those of eight callers that are let through to a service that may have come back.
fn probes(peer: &dyn Peer) -> Vec<(Work, Call)> {
    let mut calls = Vec::new();
    for _ in 0..8 {
        let work = Work::default();
        let mut call = peer.call(work.clone());
        let _ = poll(&mut call);
        if work.begun() {
            calls.push((work, call));
        }
    }
    calls
}

fn eight_wait(peer: &dyn Peer) -> String {
    open(peer);
    wait();
    format!("{} let through", probes(peer).len())
}

/// Whether anybody is let through after the futures of all its probes were dropped.
fn dropped_probe(peer: &dyn Peer) -> String {
    open(peer);
    wait();
    drop(probes(peer));
    for recovers in ["recovers", "recovers after another wait", "recovers after two more waits"] {
        if now(peer, true) == Answer::Success {
            return recovers.to_owned();
        }
        wait();
    }
    "stuck".to_owned()
}

/// A call admitted before the outage fails after the recovery.
fn late_failure(peer: &dyn Peer) -> String {
    let (work, mut late) = begin(peer);
    open(peer);
    wait();
    for _ in 0..20 {
        if now(peer, true) == Answer::Rejected {
            wait();
        }
    }
    assert_eq!(now(peer, true), Answer::Success, "{} does not close", peer.name());
    work.end(false);
    let _ = poll(&mut late);
    if now(peer, true) == Answer::Success { "changes nothing" } else { "reopens" }.to_owned()
}

/// A call admitted before the outage succeeds while every place for a probe is taken.
fn late_success(peer: &dyn Peer) -> String {
    let (work, mut late) = begin(peer);
    open(peer);
    wait();
    let under_way = probes(peer);
    if under_way.len() == 8 {
        return "all are let in anyway".to_owned();
    }
    work.end(true);
    let _ = poll(&mut late);
    if probes(peer).is_empty() { "changes nothing" } else { "closes" }.to_owned()
}
