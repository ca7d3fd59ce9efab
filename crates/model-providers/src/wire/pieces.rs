//! The body of an answer as it arrives: its timers, its bounds, and its lines.
//!
//! A parser that is given a line in pieces searches what it has from the beginning at each of them,
//! and a server that never ends its line could keep a processor busy past every timer. So lines are
//! cut here, each byte looked at once; the parser gets whole ones, one at a time; and the runtime
//! gets its turn every few of them, since a server that is always ready would never let go.

use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::time::{timeout, timeout_at};

use super::read::{PROMPT_USED, Spans, lost, no_first_token};
use crate::Class;
use crate::failure::Failure;
use crate::transport::{Broken, Reply};

/// The most bytes of one line of a stream.
pub(super) const LONGEST_LINE: usize = 4 * 1024 * 1024;
/// After so many pieces and lines timers and cancellation are looked at.
const BETWEEN_BREATHS: u32 = 32;
/// What may stand before the first line; the parser cannot take it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body that is being read.
pub(super) struct Pieces<A> {
    reply: Reply,
    spans: Spans,
    alive: Option<A>,
    bytes: usize,
    since_breath: u32,
}

impl<A: FnOnce() + Send> Pieces<A> {
    pub(super) fn new(reply: Reply, spans: Spans, alive: A) -> Self {
        Self { reply, spans, alive: Some(alive), bytes: 0, since_breath: 0 }
    }

    /// The next piece as the server sent it; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.breathe().await;
        let waiting = self.reply.body.next();
        let next = match self.alive {
            Some(_) => timeout_at(self.spans.first_token_at, waiting).await,
            None => timeout(self.spans.idle, waiting).await,
        };
        match next {
            Ok(piece) => self.take(piece),
            Err(_) => Err(self.silent()),
        }
    }

    fn take(&mut self, piece: Option<Result<Vec<u8>, Broken>>) -> Result<Option<Vec<u8>>, Failure> {
        let Some(piece) = piece.transpose().map_err(lost)? else {
            return Ok(None);
        };
        if let Some(alive) = self.alive.take_if(|_| !piece.is_empty()) {
            alive();
        }
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > self.spans.most_bytes {
            return Err(too_large(format!(
                "the answer is larger than {} bytes",
                self.spans.most_bytes
            )));
        }
        Ok(Some(piece))
    }

    async fn breathe(&mut self) {
        self.since_breath += 1;
        if self.since_breath >= BETWEEN_BREATHS {
            self.since_breath = 0;
            tokio::task::yield_now().await;
        }
    }

    fn silent(&self) -> Failure {
        if self.alive.is_some() {
            return no_first_token(self.spans.first_token);
        }
        let idle: Duration = self.spans.idle;
        let message = format!("nothing arrived for {idle:?}");
        Failure::new(Class::Timeout, message).with_usage(PROMPT_USED)
    }

    /// The body's lines with their ends, each as one item. A failure is the last item. Blank lines
    /// are put behind the end, so that a last event without one is not lost.
    pub(super) fn into_lines(self) -> impl Stream<Item = Result<Vec<u8>, Failure>> + Send {
        let lines = Lines { pieces: self, piece: Vec::new(), at: 0, line: Vec::new(), first: true };
        futures::stream::unfold(Some(lines), |lines| async {
            let mut lines = lines?;
            match lines.next().await {
                Ok(Some(line)) => Some((Ok(line), Some(lines))),
                Ok(None) => Some((lines.rest(), None)),
                Err(failure) => Some((Err(failure), None)),
            }
        })
    }
}

/// Cuts pieces into lines.
struct Lines<A> {
    pieces: Pieces<A>,
    /// The last piece, of which the bytes before `at` are done with.
    piece: Vec<u8>,
    at: usize,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    first: bool,
}

impl<A: FnOnce() + Send> Lines<A> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.pieces.breathe().await;
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            // `\r\n` comes as two items; the parser takes them for one end.
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = end.and_then(|end| rest.get(..=end)).unwrap_or(rest);
            if self.line.len().saturating_add(part.len()) > LONGEST_LINE {
                return Err(too_large(format!(
                    "a line of the stream is longer than {LONGEST_LINE} bytes"
                )));
            }
            self.line.extend_from_slice(part);
            self.at += part.len();
            if end.is_some() {
                return self.text().map(Some);
            }
            let Some(piece) = self.pieces.next().await? else {
                return Ok(None);
            };
            (self.piece, self.at) = (piece, 0);
        }
    }

    /// What is left at the end, and the blank line behind it.
    fn rest(&mut self) -> Result<Vec<u8>, Failure> {
        let mut rest = self.text()?;
        rest.extend_from_slice(b"\n\n");
        Ok(rest)
    }

    fn text(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.first) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        match std::str::from_utf8(&line) {
            Ok(_) => Ok(line),
            Err(_) => {
                let message = "the answer holds bytes that are no UTF-8";
                Err(Failure::new(Class::Unavailable, message))
            }
        }
    }
}

fn too_large(message: String) -> Failure {
    let mut failure = Failure::new(Class::InvalidOutput, message);
    failure.likeness = Some("too large".into());
    failure
}
