//! Streams that never end a line, or end one at every byte: how much is done for them, by counting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, stream};
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::transport::Reply;
use crate::wire::pieces::{LONGEST_LINE, Pieces};
use crate::wire::{Spans, read};
use crate::{Class, Kind};

const KILOBYTE: usize = 1000;

#[expect(clippy::disallowed_methods, reason = "the clock is the test's own")]
fn spans() -> Spans {
    let minute = Duration::from_mins(1);
    Spans {
        first_token: minute,
        first_token_at: Instant::now() + minute,
        idle: minute,
        most_bytes: usize::MAX,
        wall: SystemTime::UNIX_EPOCH,
    }
}

/// A server that has the next piece ready whenever it is asked; `at` is told how many were taken.
fn reply(
    content_type: &str,
    pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
    at: impl Fn(usize) + Send + 'static,
) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    let pieces = pieces.enumerate().map(move |(taken, piece)| {
        at(taken + 1);
        Ok(piece)
    });
    Reply { status: 200, headers, body: stream::iter(pieces).boxed() }
}

/// 20 MB without an end of the line, in pieces of one kilobyte.
fn endless() -> impl Iterator<Item = Vec<u8>> + Send {
    std::iter::repeat_with(|| vec![b'a'; KILOBYTE]).take(20_000)
}

/// The parser searches whatever it has at every item it gets: so it gets whole lines only, one at
/// a time, and every byte once.
#[tokio::test(start_paused = true)]
async fn the_parser_gets_whole_lines_and_every_byte_once() {
    let line = [vec![b'x'; 3 * 1024 * 1024], b"\n".to_vec()].concat();
    let sent = [line.clone(), b"a\r\n\r\n\n".to_vec(), line, b"tail".to_vec()].concat();
    let pieces: Vec<Vec<u8>> = sent.chunks(KILOBYTE).map(<[u8]>::to_vec).collect();
    let reply = reply("text/event-stream", pieces.into_iter(), |_| ());
    let given = Pieces::new(reply, spans(), || ()).into_lines();
    let given: Vec<Vec<u8>> = given.map(Result::unwrap).collect().await;
    let sizes: Vec<usize> = given.iter().map(Vec::len).collect();
    let long = 3 * 1024 * 1024 + 1;
    assert_eq!(sizes, [long, 2, 1, 1, 1, 1, long, 6]);
    assert_eq!(given.concat(), [sent.as_slice(), b"\n\n"].concat());
}

#[tokio::test(start_paused = true)]
async fn a_line_over_its_bound_fails_at_once_and_names_the_bound() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let reply = reply("text/event-stream", endless(), move |at| count.store(at, Ordering::Relaxed));
    let failure = read(Kind::OpenAi, reply, spans(), || ()).await.unwrap_err();
    assert_eq!(failure.class, Class::InvalidOutput);
    assert_eq!(failure.raw(), "a line of the stream is longer than 4194304 bytes");
    assert_eq!(taken.load(Ordering::Relaxed), LONGEST_LINE / KILOBYTE + 1);
}

/// A server that is always ready must not keep timers and signals from being seen.
#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_middle_of_an_endless_body_is_seen_promptly() {
    for (content_type, piece) in [
        ("text/event-stream", vec![b'a'; KILOBYTE]),
        ("text/event-stream", b"\n".repeat(KILOBYTE)),
        ("application/json", vec![b' '; KILOBYTE]),
    ] {
        let cancel = CancellationToken::new();
        let (gate, taken) = (cancel.clone(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&taken);
        let pieces = std::iter::repeat_with(move || piece.clone()).take(600);
        let reply = reply(content_type, pieces, move |at| {
            count.store(at, Ordering::Relaxed);
            if at == 200 {
                gate.cancel();
            }
        });
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            _ = read(Kind::OpenAi, reply, spans(), || ()) => panic!("{content_type}: read to its end"),
        }
        assert!(taken.load(Ordering::Relaxed) <= 232, "{content_type}: {taken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_before_the_first_line_is_skipped() {
    let text = "\u{feff}data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"{}\"},\"finish_reason\":\"stop\"}]}\n\n";
    for size in [1, 2, 500] {
        let pieces: Vec<Vec<u8>> = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let reply = reply("text/event-stream", pieces.into_iter(), |_| ());
        assert_eq!(read(Kind::OpenAi, reply, spans(), || ()).await.unwrap().text, "{}");
    }
}
