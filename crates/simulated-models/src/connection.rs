//! One connection: reads requests, finds who answers, performs the acts. It ends when the
//! client leaves, when an act ends it, or when the server drops it on stopping.
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::clock::{limited, pause, unix_seconds};
use crate::http::{self, Request};
use crate::language::{Language, Wanted};
use crate::problem::Problem;
use crate::state::{State, Ticket};
use crate::wire::{self, Act};

/// How long a client may take to accept the bytes of one act.
const WRITE_LIMIT: Duration = Duration::from_secs(60);
/// How long a refused client may go on sending.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    KeepAlive,
    Close,
    /// A linger time of zero makes the close that follows an RST instead of a FIN.
    Reset,
}

/// Serves the connection to its end. Dropping the future closes it.
pub(crate) async fn serve(mut stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if state.refuses_everyone() {
        let _ticket = state.refuse_connection();
        return stream.set_zero_linger();
    }
    let mut buffer = Vec::new();
    loop {
        let request = match http::read(&mut stream, &mut buffer).await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) => return refuse(stream, &error).await,
        };
        let keep_alive = request.keep_alive;
        let (mut ticket, acts) = answer(&state, request);
        let next = perform(&mut stream, &acts, ticket.as_mut()).await?;
        match next {
            Next::KeepAlive if keep_alive => drop(ticket),
            Next::KeepAlive | Next::Close => return stream.shutdown().await,
            Next::Reset => return stream.set_zero_linger(),
        }
    }
}

async fn refuse(mut stream: TcpStream, error: &http::ReadError) -> io::Result<()> {
    let Some(status) = error.status() else {
        return Ok(());
    };
    // No address was read, so nobody knows the client's language.
    let body = Language::Chat.writer().problem(&Problem::malformed(error.to_string()));
    let acts = wire::json(status, &body).finish(false);
    perform(&mut stream, &acts, None).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would reset the connection, and the client would never see
    // why it was refused.
    let mut rest = [0_u8; 4096];
    limited(DRAIN_LIMIT, async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    })
    .await
    .unwrap_or(Ok(()))
}

fn answer(state: &Arc<State>, request: Request) -> (Option<Ticket>, Vec<Act>) {
    match Language::at(&request.method, &request.path) {
        Some((language, Wanted::Answer)) => {
            let (ticket, acts) = state.admit(language, request);
            return (Some(ticket), acts);
        }
        Some((language, Wanted::Count)) => return (None, state.count(language, &request)),
        None => {}
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => (None, wire::json(200, &models(state)).finish(false)),
        ("GET", "/health") => (None, wire::json(200, &json!({"status": "ok"})).finish(false)),
        (method, path) => {
            let message = format!("Invalid URL ({method} {path})");
            let body = Language::Chat.writer().problem(&Problem::malformed(message));
            (None, wire::json(404, &body).finish(false))
        }
    }
}

fn models(state: &State) -> Value {
    let created = unix_seconds();
    let models: Vec<Value> = state
        .models()
        .into_iter()
        .map(|id| json!({"id": id, "object": "model", "created": created, "owned_by": "simulated"}))
        .collect();
    json!({"object": "list", "data": models})
}

async fn perform(
    stream: &mut TcpStream,
    acts: &[Act],
    mut ticket: Option<&mut Ticket>,
) -> io::Result<Next> {
    for act in acts {
        match act {
            Act::Send(bytes) => match limited(WRITE_LIMIT, stream.write_all(bytes)).await {
                Some(written) => written?,
                None => return Ok(Next::Reset),
            },
            Act::Repeat(bytes) => loop {
                match limited(WRITE_LIMIT, stream.write_all(bytes)).await {
                    Some(Ok(())) => {}
                    // Its reader left or stopped reading, which is what it was waiting for.
                    Some(Err(_)) => return Ok(Next::Close),
                    None => return Ok(Next::Reset),
                }
            },
            Act::Pause(delay) => tokio::select! {
                () = pause(*delay) => {}
                () = gone(stream) => return Ok(Next::Close),
            },
            Act::Given => {
                if let Some(ticket) = ticket.as_deref_mut() {
                    ticket.given();
                }
            }
            Act::Hang => {
                gone(stream).await;
                return Ok(Next::Close);
            }
            Act::Close => return Ok(Next::Close),
            Act::Reset => return Ok(Next::Reset),
        }
    }
    Ok(Next::KeepAlive)
}

/// Returns when the client has closed or reset the connection. Bytes of a next request that
/// came too early are left where they are, and then only the server's stop ends the wait. A
/// client that closed its sending side alone counts as gone.
async fn gone(stream: &TcpStream) {
    let mut byte = [0_u8; 1];
    loop {
        if stream.ready(Interest::READABLE).await.is_err() {
            return;
        }
        match stream.peek(&mut byte).await {
            Ok(0) | Err(_) => return,
            Ok(_) => std::future::pending::<()>().await,
        }
    }
}
