//! From a fault and a good answer to the acts on the wire: first what the model says, then
//! how it arrives. Pure, so that every fault is tested in both forms without a socket.
use serde_json::Value;

use crate::Fault;
use crate::answers::Good;
use crate::asked::Asked;
use crate::language::Language;
use crate::placeholder::lazy;
use crate::problem::Problem;
use crate::said::{Finish, Said, Stamp};
use crate::wire::{self, Act, Framing, Writer};

/// Bytes of a plain body that count as one piece.
const PLAIN_PIECE: usize = 64;
const FRAGMENT: usize = 7;
const DEPTH: usize = 500_000;
/// 64 MiB of blanks.
const BLANKS: &[u8] = include_bytes!("../data/blanks.gz");
const REFUSAL: &str = "I'm sorry, but I can't help with that request.";
const PROSE: &str = "Sure! Here is what I would do: first look at the code, then change it.";
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\
    <body><h1>Please sign in to the network</h1></body></html>\n";

/// All acts for one request.
pub(crate) fn acts(fault: &Fault, asked: &Asked, good: &Good, stamp: &Stamp) -> Vec<Act> {
    match fault {
        Fault::RefuseConnection | Fault::ResetBeforeHeaders => vec![Act::Reset],
        Fault::Status { status, retry_after, body } => {
            error(asked.language, *status, retry_after.as_deref(), body.as_deref())
        }
        Fault::Compressed => {
            let encoded = [("content-encoding", "gzip")];
            wire::whole(200, "application/json", BLANKS, &encoded).finish(false)
        }
        Fault::Redirect { to } => {
            let to = format!("{to}{}", asked.target);
            wire::whole(307, "text/plain", "", &[("location", to.as_str())]).finish(false)
        }
        Fault::RejectsPrefill if asked.is_prefilled => {
            let message = "This model does not support assistant message prefill.";
            let body = asked.language.writer().problem(&Problem::malformed(message)).to_string();
            error(asked.language, 400, None, Some(&body))
        }
        Fault::WrongContentType => {
            wire::whole(200, "text/html; charset=utf-8", PAGE, &[]).finish(false)
        }
        _ => {
            let said = said(fault, asked, good, stamp);
            let mut out = Writer::default();
            if let Fault::AnswerAfter { delay } | Fault::SlowHeaders { delay } = fault {
                out.act(Act::Pause(*delay));
            }
            if asked.streamed {
                streamed(fault, &said, &mut out);
            } else {
                plain(fault, &said, &mut out);
            }
            out.finish(fault.gives_the_answer())
        }
    }
}

fn error(
    language: Language,
    status: u16,
    retry_after: Option<&str>,
    body: Option<&str>,
) -> Vec<Act> {
    let problem = || language.writer().problem(&Problem::of(status, retry_after)).to_string();
    let body = body.map_or_else(problem, str::to_owned);
    let content_type = match serde_json::from_str::<Value>(&body) {
        Ok(_) => "application/json",
        Err(_) => "text/plain; charset=utf-8",
    };
    let retry_after = retry_after.map(|value| ("retry-after", value));
    wire::whole(status, content_type, body, retry_after.as_slice()).finish(false)
}

/// What the model says.
fn said<'a>(fault: &Fault, asked: &'a Asked, good: &Good, stamp: &'a Stamp) -> Said<'a> {
    let schema = asked.schema.as_deref();
    let text = good.text.as_str();
    let (content, finish) = match fault {
        Fault::Empty => (String::new(), Some(Finish::Stop)),
        Fault::NotJson => (PROSE.to_owned(), Some(Finish::Stop)),
        Fault::WrongSchema => {
            (r#"{"unexpected":true,"items":[1,2,3]}"#.to_owned(), Some(Finish::Stop))
        }
        Fault::Placeholder => (lazy(schema, text), Some(Finish::Stop)),
        Fault::Refusal => (REFUSAL.to_owned(), Some(Finish::Stop)),
        Fault::CutOff => (first_half(text), Some(Finish::Length)),
        Fault::ContentFilter => (first_half(text), Some(Finish::Filter)),
        _ => return spoken(fault, asked, good, stamp),
    };
    let refusal = *fault == Fault::Refusal;
    Said { asked, stamp, content, refusal, calls: Vec::new(), finish }
}

/// The good answer, calls of tools included.
fn spoken<'a>(fault: &Fault, asked: &'a Asked, good: &Good, stamp: &'a Stamp) -> Said<'a> {
    let calls = good.calls.clone();
    let finish = if calls.is_empty() { Finish::Stop } else { Finish::Calls };
    let finish = (*fault != Fault::NoFinishReason).then_some(finish);
    Said { asked, stamp, content: good.text.clone(), refusal: false, calls, finish }
}

fn first_half(text: &str) -> String {
    let characters = text.chars().count();
    text.chars().take(characters / 2).collect()
}

fn streamed(fault: &Fault, said: &Said<'_>, out: &mut Writer) {
    let writer = said.asked.language.writer();
    let framing = Framing::Chunked;
    out.raw(wire::head(200, "text/event-stream", framing, &[("cache-control", "no-cache")]));
    let stream = writer.stream(said);
    match fault {
        Fault::EmptyBody => return out.last_chunk(),
        Fault::DeepJson => {
            out.chunk(format!("data: {}\n\n", deep()));
            return out.last_chunk();
        }
        Fault::Endless => {
            out.chunk(stream.opening.concat());
            let piece = writer.more(said, &"again and again ".repeat(256));
            return out.act(Act::Repeat(chunked(&piece)));
        }
        _ => {}
    }
    before_the_first_token(fault, out, |turn| {
        if turn % 2 == 0 {
            ": keep-alive\n\n".to_owned()
        } else {
            writer.thought(said, "Let me think about that.")
        }
    });
    let mut pieces = stream.pieces;
    if *fault == Fault::MalformedChunk {
        break_middle(&mut pieces);
    }
    if *fault == Fault::Noise {
        pieces.insert(0, "data: {\"upstream\": \n\n".to_owned());
    }
    if let Some(after) = fault.breaks_after() {
        if after > 0 {
            out.chunk(stream.opening.concat());
        }
        pieces.iter().take(after).for_each(|piece| out.chunk(piece));
        return break_off(fault, said, out);
    }
    pieces.splice(0..0, stream.opening);
    pieces.extend(stream.closing);
    if *fault != Fault::MissingEndMark {
        pieces.extend(stream.end_mark);
    }
    deliver(fault, &pieces, out);
    if *fault == Fault::MissingEndMark {
        out.act(Act::Close);
    }
}

/// A chunked body of these pieces, as slow or as torn as the fault says.
fn deliver(fault: &Fault, pieces: &[String], out: &mut Writer) {
    match fault {
        Fault::Drip { pause } => {
            for piece in pieces {
                out.act(Act::Pause(*pause));
                out.chunk(piece);
            }
        }
        Fault::Fragmented => {
            let body = pieces.concat();
            body.as_bytes().chunks(FRAGMENT).for_each(|bytes| out.chunk(bytes));
        }
        Fault::InvalidUtf8 => {
            let body = pieces.concat().into_bytes();
            out.chunk(spoilt(body));
        }
        _ => pieces.iter().for_each(|piece| out.chunk(piece)),
    }
    out.last_chunk();
}

fn before_the_first_token(fault: &Fault, out: &mut Writer, sign: impl Fn(u32) -> String) {
    match fault {
        Fault::SlowFirstToken { delay } => out.act(Act::Pause(*delay)),
        Fault::Thinking { pause, times } => {
            for turn in 0..*times {
                out.act(Act::Pause(*pause));
                out.chunk(sign(turn));
            }
        }
        _ => {}
    }
}

/// The end of a stream that does not get to its end.
fn break_off(fault: &Fault, said: &Said<'_>, out: &mut Writer) {
    match fault {
        Fault::ErrorEvent { .. } => {
            out.chunk(said.asked.language.writer().problem_event(&Problem::of(500, None)));
            out.last_chunk();
        }
        Fault::Stall { .. } => out.act(Act::Hang),
        _ => out.act(Act::Close),
    }
}

/// Cuts the JSON of the middle event, which stays an event.
fn break_middle(pieces: &mut [String]) {
    let middle = pieces.len() / 2;
    if let Some(piece) = pieces.get_mut(middle) {
        *piece = format!("{}\n\n", first_half(piece.trim_end()));
    }
}

fn plain(fault: &Fault, said: &Said<'_>, out: &mut Writer) {
    let writer = said.asked.language.writer();
    let body = match fault {
        Fault::EmptyBody => String::new(),
        Fault::ErrorEvent { .. } => writer.problem(&Problem::of(500, None)).to_string(),
        Fault::MalformedChunk => first_half(&writer.plain(said).to_string()),
        Fault::DeepJson => deep(),
        _ => writer.plain(said).to_string(),
    };
    let framing = match fault {
        Fault::Drip { .. } | Fault::Thinking { .. } | Fault::Fragmented | Fault::Endless => {
            Framing::Chunked
        }
        Fault::MissingEndMark => Framing::Close,
        _ => Framing::Length(body.len()),
    };
    out.raw(wire::head(200, "application/json", framing, &[]));
    before_the_first_token(fault, out, |_| "\n".to_owned());
    match fault {
        Fault::Stall { after_chunks } | Fault::Cut { after_chunks } => {
            let sent = after_chunks.saturating_mul(PLAIN_PIECE);
            out.raw(&body.as_bytes()[..sent.min(body.len().saturating_sub(1))]);
            break_off(fault, said, out);
        }
        Fault::MissingEndMark => {
            out.raw(body);
            out.act(Act::Close);
        }
        Fault::Endless => out.act(Act::Repeat(chunked(&" ".repeat(4_096)))),
        Fault::InvalidUtf8 => out.raw(spoilt(body.into_bytes())),
        _ if framing == Framing::Chunked => deliver(fault, &plain_pieces(&body), out),
        _ => out.raw(body),
    }
}

/// One chunk of a chunked body.
fn chunked(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn deep() -> String {
    "[".repeat(DEPTH)
}

/// A byte in the middle is replaced by one that no UTF-8 has.
fn spoilt(mut body: Vec<u8>) -> Vec<u8> {
    let middle = body.len() / 2;
    let content = body.iter().skip(middle).position(u8::is_ascii_alphabetic);
    if let Some(byte) = body.get_mut(middle + content.unwrap_or(0)) {
        *byte = 0xFF;
    }
    body
}

fn plain_pieces(body: &str) -> Vec<String> {
    let characters: Vec<char> = body.chars().collect();
    let pieces = characters.chunks(PLAIN_PIECE);
    pieces.map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests;
