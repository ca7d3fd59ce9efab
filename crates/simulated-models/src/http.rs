//! Reading requests by hand, within bounds. No HTTP library stands between the socket and
//! the faults, since each would mend, buffer or forbid what a fault is made of.
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::limited;

pub(crate) const MAX_HEAD: usize = 64 << 10;
pub(crate) const MAX_BODY: usize = 32 << 20;
const MAX_HEADERS: usize = 128;
/// Where the languages put a key.
const KEYS: [&str; 3] = ["authorization", "x-api-key", "x-goog-api-key"];
/// How long a kept-alive connection may wait for its next request.
const IDLE_LIMIT: Duration = Duration::from_secs(120);
/// How long a request may take from its first byte to its last.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// A request with its whole body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) keep_alive: bool,
    pub(crate) body: Vec<u8>,
}

/// Why no request could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("reading the request failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the request is not HTTP/1: {0}")]
    Head(#[from] httparse::Error),
    #[error("the head is larger than {MAX_HEAD} bytes")]
    HeadTooLarge,
    #[error("the body is larger than {MAX_BODY} bytes")]
    BodyTooLarge,
    #[error("the body has no valid Content-Length")]
    LengthRequired,
    #[error("the request was not complete in time")]
    TooSlow,
}

impl ReadError {
    /// The status to answer with; `None` where nobody listens any more.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Io(_) => None,
            Self::Head(_) => Some(400),
            Self::HeadTooLarge => Some(431),
            Self::BodyTooLarge => Some(413),
            Self::LengthRequired => Some(411),
            Self::TooSlow => Some(408),
        }
    }
}

struct Head {
    request: Request,
    bytes: usize,
    length: usize,
    expects_continue: bool,
}

/// Reads the next request; `None` when the client has closed or stays silent. Bytes after it
/// stay in `buffer` for the next one. After an error the connection is of no use.
pub(crate) async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<Option<Request>, ReadError> {
    if buffer.is_empty() {
        match limited(IDLE_LIMIT, stream.read_buf(buffer)).await {
            None | Some(Ok(0)) => return Ok(None),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(_)) => {}
        }
    }
    limited(READ_LIMIT, read_started(stream, buffer)).await.unwrap_or(Err(ReadError::TooSlow))
}

async fn read_started(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> Result<Option<Request>, ReadError> {
    let head = loop {
        if let Some(head) = parse_head(buffer)? {
            break head;
        }
        if buffer.len() >= MAX_HEAD {
            return Err(ReadError::HeadTooLarge);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    if head.expects_continue {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let end = head.bytes + head.length;
    while buffer.len() < end {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let mut request = head.request;
    let rest = buffer.split_off(end);
    request.body = std::mem::replace(buffer, rest).split_off(head.bytes);
    Ok(Some(request))
}

/// `None` while the head is not complete.
fn parse_head(buffer: &[u8]) -> Result<Option<Head>, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let bytes = match parsed.parse(buffer)? {
        httparse::Status::Complete(bytes) if bytes > MAX_HEAD => {
            return Err(ReadError::HeadTooLarge);
        }
        httparse::Status::Complete(bytes) => bytes,
        httparse::Status::Partial => return Ok(None),
    };
    let header = |name: &str| {
        let mut found = parsed.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        found.next().map(|h| String::from_utf8_lossy(h.value).into_owned())
    };
    let length = match header("content-length") {
        Some(text) => text.trim().parse().map_err(|_| ReadError::LengthRequired)?,
        None if header("transfer-encoding").is_some() => return Err(ReadError::LengthRequired),
        None => 0,
    };
    if length > MAX_BODY {
        return Err(ReadError::BodyTooLarge);
    }
    let connection = header("connection").unwrap_or_default().to_ascii_lowercase();
    let target = parsed.path.unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    Ok(Some(Head {
        bytes,
        length,
        expects_continue: header("expect").is_some_and(|e| e.eq_ignore_ascii_case("100-continue")),
        request: Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            authorization: KEYS.iter().find_map(|name| header(name)),
            keep_alive: parsed.version == Some(1) && !connection.contains("close"),
            body: Vec::new(),
        },
    }))
}
