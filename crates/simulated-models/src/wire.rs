//! An answer as a list of acts on a connection, made whole before the first byte is sent.
//! Faults live between the bytes, so they are data that a test can read without a socket,
//! and the code that performs them has no branch for any particular fault.
use std::time::Duration;

use serde_json::Value;

/// One act. After the last one the connection is kept alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Writes these bytes.
    Send(Vec<u8>),
    /// Waits this long.
    Pause(Duration),
    /// Marks that the client has the whole good answer after the next `Send`.
    Given,
    /// Writes these bytes again and again until the client leaves.
    Repeat(Vec<u8>),
    /// Waits until the client leaves.
    Hang,
    /// Closes in order (FIN).
    Close,
    /// Resets (RST).
    Reset,
}

/// Collects acts; bytes between two other acts are sent as one.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    acts: Vec<Act>,
    pending: Vec<u8>,
}

impl Writer {
    pub(crate) fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.pending.extend_from_slice(bytes.as_ref());
    }

    /// A chunk of a chunked body; an empty one would be its end and is left out.
    pub(crate) fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if !bytes.is_empty() {
            self.raw(format!("{:x}\r\n", bytes.len()));
            self.raw(bytes);
            self.raw("\r\n");
        }
    }

    /// The end of a chunked body.
    pub(crate) fn last_chunk(&mut self) {
        self.raw("0\r\n\r\n");
    }

    pub(crate) fn act(&mut self, act: Act) {
        if !self.pending.is_empty() {
            let bytes = std::mem::take(&mut self.pending);
            self.acts.push(Act::Send(bytes));
        }
        self.acts.push(act);
    }

    /// The acts; with `given`, the mark stands before the last bytes: a client that has read
    /// them may ask its next question before this server has done anything else.
    pub(crate) fn finish(mut self, given: bool) -> Vec<Act> {
        if !self.pending.is_empty() {
            let bytes = std::mem::take(&mut self.pending);
            self.acts.push(Act::Send(bytes));
        }
        if given {
            let last = self.acts.iter().rposition(|act| matches!(act, Act::Send(_)));
            self.acts.insert(last.unwrap_or(0), Act::Given);
        }
        self.acts
    }
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    /// By the close of the connection.
    Close,
}

/// Status line and headers.
pub(crate) fn head(
    status: u16,
    content_type: &str,
    framing: Framing,
    more: &[(&str, &str)],
) -> String {
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\nserver: simulated-models\r\ncontent-type: {content_type}\r\n",
        reason(status)
    );
    for (name, value) in more {
        // A header value from a script must not start another header.
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match framing {
        Framing::Length(bytes) => head.push_str(&format!("content-length: {bytes}\r\n")),
        Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        Framing::Close => head.push_str("connection: close\r\n"),
    }
    head.push_str("\r\n");
    head
}

/// A whole answer of known length.
pub(crate) fn whole(
    status: u16,
    content_type: &str,
    body: impl AsRef<[u8]>,
    more: &[(&str, &str)],
) -> Writer {
    let body = body.as_ref();
    let mut out = Writer::default();
    out.raw(head(status, content_type, Framing::Length(body.len()), more));
    out.raw(body);
    out
}

/// A whole JSON answer.
pub(crate) fn json(status: u16, body: &Value) -> Writer {
    whole(status, "application/json", body.to_string(), &[])
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Status",
    }
}
