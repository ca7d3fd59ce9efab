//! Reads an answer as it arrives, under its timers and bounds.
//!
//! A stream that ends, stalls or breaks looks like success to whoever only collects its text. Here
//! an answer is whole or it is a failure, silence has a limit of its own before the first byte and
//! after it, and no server can make us keep more than was allowed.

use std::time::{Duration, SystemTime};

use eventsource_stream::{EventStreamError, Eventsource};
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use super::completion::{Arriving, Completion};
use super::pieces::Pieces;
use super::{anthropic, openai};
use crate::budget::Usage;
use crate::classify::refused;
use crate::failure::Failure;
use crate::transport::{Broken, Reply};
use crate::{Class, Kind, Tokens};

/// An error's body is read this far and for this long.
const MOST_OF_AN_ERROR: usize = 64 * 1024;
const TIME_FOR_AN_ERROR: Duration = Duration::from_secs(5);
/// After the finish reason, the end mark and the usage are waited for only this long.
const TIME_FOR_THE_END: Duration = Duration::from_secs(2);

/// What a request that was taken in and not answered is booked as.
pub(crate) const PROMPT_USED: Usage = Usage::Estimated { output: 0 };

/// The timers and bounds of one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    pub(crate) first_token: Duration,
    /// When the first byte must be there.
    pub(crate) first_token_at: Instant,
    pub(crate) idle: Duration,
    pub(crate) most_bytes: usize,
    pub(crate) wall: SystemTime,
}

/// The answer of a server whose headers are there. `alive` is called at the first byte.
pub(crate) async fn read(
    kind: Kind,
    reply: Reply,
    spans: Spans,
    alive: impl FnOnce() + Send,
) -> Result<Completion, Failure> {
    if !(200..300).contains(&reply.status) {
        return Err(error_status(reply, spans.wall).await);
    }
    let status = reply.status;
    let form = Form::of(&reply)?;
    let pieces = Pieces::new(reply, spans, alive);
    let outcome = match form {
        Form::Stream => stream(kind, pieces, spans).await,
        Form::Plain => plain(kind, pieces, spans).await,
    };
    let outcome = outcome.map_err(|failure| match failure.usage {
        Usage::Known(tokens) if tokens == Tokens::default() => failure.with_usage(PROMPT_USED),
        _ => failure,
    });
    outcome.map_err(|failure| match failure.status {
        None => failure.with_status(status),
        Some(_) => failure,
    })
}

enum Form {
    Stream,
    Plain,
}

impl Form {
    /// A server that was asked for a stream may still answer in one piece of JSON.
    fn of(reply: &Reply) -> Result<Self, Failure> {
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let unusable = |message: String| {
            let failure = Failure::new(Class::Unavailable, message);
            Err(failure.with_status(reply.status))
        };
        let encoding = header("content-encoding").unwrap_or("identity");
        if !encoding.eq_ignore_ascii_case("identity") {
            return unusable(format!("the answer is compressed unasked ({encoding})"));
        }
        let kind = header("content-type").unwrap_or("text/event-stream");
        let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
        match kind.as_str() {
            "text/event-stream" => Ok(Self::Stream),
            "application/json" => Ok(Self::Plain),
            other if other.ends_with("+json") => Ok(Self::Plain),
            other => unusable(format!("the answer is {other}, not JSON or an event stream")),
        }
    }
}

async fn stream(
    kind: Kind,
    pieces: Pieces<impl FnOnce() + Send>,
    spans: Spans,
) -> Result<Completion, Failure> {
    let mut arriving = Arriving::default();
    let events = pieces.into_lines().eventsource();
    let mut events = std::pin::pin!(events);
    let broke_off = loop {
        let next = if arriving.finish.is_some() {
            // The answer is there; only its end mark is missing.
            timeout(TIME_FOR_THE_END, events.next()).await.unwrap_or(None)
        } else {
            events.next().await
        };
        match next {
            Some(Ok(event)) => match kind {
                Kind::OpenAi => openai::event(&event.data, &mut arriving),
                Kind::Anthropic => anthropic::event(&event.data, &mut arriving),
                Kind::Command => {}
            },
            Some(Err(EventStreamError::Transport(failure))) => break Some(failure),
            Some(Err(_)) => {
                let message = "the stream cannot be read as events";
                break Some(Failure::new(Class::Unavailable, message));
            }
            None => break None,
        }
        if arriving.is_complete() {
            break None;
        }
    };
    arriving.conclude(broke_off, spans.wall)
}

async fn plain(
    kind: Kind,
    mut pieces: Pieces<impl FnOnce() + Send>,
    spans: Spans,
) -> Result<Completion, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = pieces.next().await? {
        body.extend_from_slice(&piece);
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        let message = "the answer is empty";
        return Err(Failure::new(Class::Unavailable, message));
    }
    let value = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("the body is not JSON: {error}");
        Failure::new(Class::Unavailable, message)
    })?;
    let mut arriving = Arriving::default();
    match kind {
        Kind::OpenAi => openai::plain(&value, &mut arriving),
        Kind::Anthropic => anthropic::plain(&value, &mut arriving),
        Kind::Command => {}
    }
    arriving.conclude(None, spans.wall)
}

async fn error_status(mut reply: Reply, wall: SystemTime) -> Failure {
    let mut body = Vec::new();
    let reading = async {
        while let Some(Ok(piece)) = reply.body.next().await {
            let room = MOST_OF_AN_ERROR.saturating_sub(body.len());
            body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            if room <= piece.len() {
                break;
            }
        }
    };
    // The status alone says enough: whatever of the body is not there by then is left out.
    let _ = timeout(TIME_FOR_AN_ERROR, reading).await;
    refused(reply.status, &reply.headers, &body, wall)
}

/// The first byte did not come in its time.
pub(crate) fn no_first_token(span: Duration) -> Failure {
    let mut failure = Failure::new(Class::Timeout, format!("no first token within {span:?}"));
    failure.silent = true;
    failure.with_usage(PROMPT_USED)
}

/// A connection that failed, as a failure.
pub(crate) fn lost(broken: Broken) -> Failure {
    match broken {
        Broken::Refused => {
            let mut failure = Failure::new(Class::Unavailable, "the connection was refused");
            failure.refused_connection = true;
            failure
        }
        Broken::ConnectTimeout => Failure::new(Class::Timeout, "no connection in its time"),
        Broken::Lost(said) => {
            let message = format!("the connection failed: {said}");
            Failure::new(Class::Unavailable, message)
        }
    }
}
