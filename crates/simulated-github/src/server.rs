//! The listening port and everything behind it: who comes is written down, held against the
//! description, and answered unless a fault says otherwise.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::answer::{answer, error, limits};
use crate::description::Description;
use crate::fault::{Act, Fault, due};
use crate::http::{self, Reply, Request};
use crate::world::World;

/// Requests kept; a client in a loop must not fill the memory.
const MAX_RECORDS: usize = 4_096;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub target: String,
    /// Every header.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
    /// What it was answered; nothing where the answer was lost or none was given.
    pub status: Option<u16>,
}

#[derive(Debug)]
struct State {
    world: Mutex<World>,
    faults: Mutex<Vec<Fault>>,
    away: Mutex<u64>,
    records: Mutex<Vec<Recorded>>,
    violations: Mutex<Vec<String>>,
    description: Description,
    changed: Notify,
    api: String,
}

/// A server on a free port of 127.0.0.1. Dropping it stops it too, without waiting for the end.
#[derive(Debug)]
pub struct Server {
    state: Arc<State>,
    stopping: CancellationToken,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts with one repository, `owner/name`, and the one token that it takes.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(repository: &str, token: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let state = Arc::new(State {
            world: Mutex::new(World::new(repository, token)),
            faults: Mutex::default(),
            away: Mutex::default(),
            records: Mutex::default(),
            violations: Mutex::default(),
            description: Description::read().map_err(io::Error::other)?,
            changed: Notify::new(),
            api: format!("http://{}", listener.local_addr()?),
        });
        let stopping = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), stopping.clone()));
        Ok(Self { state, stopping, accepting: Some(accepting) })
    }

    /// `http://127.0.0.1:PORT`, the `api_url` of a config.
    pub fn api_url(&self) -> String {
        self.state.api.clone()
    }

    /// Reads or changes the world.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut lock(&self.state.world))
    }

    /// Adds a rule. Rules are tried in the order in which they were added.
    pub fn fault(&self, fault: Fault) {
        lock(&self.state.faults).push(fault);
    }

    /// Goes away: the next so many connections are closed unread.
    pub fn go_away(&self, connections: u64) {
        *lock(&self.state.away) = connections;
    }

    /// Is there again, without any rule.
    pub fn heal(&self) {
        lock(&self.state.faults).clear();
        *lock(&self.state.away) = 0;
    }

    /// The requests in the order they came, the newest 4,096.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.records).clone()
    }

    /// What requests broke of GitHub's description; and what of it these answers broke.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.state.violations).clone()
    }

    /// Returns when at least `number` requests have come.
    pub async fn wait_for_requests(&self, number: usize) {
        loop {
            let mut changed = std::pin::pin!(self.state.changed.notified());
            changed.as_mut().enable();
            if lock(&self.state.records).len() >= number {
                return;
            }
            changed.await;
        }
    }

    /// Closes the port and all connections; both are gone when it returns.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
        {
            tracing::error!(%error, "the simulated GitHub did not stop in order");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, stopping: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            Some(ended) = connections.join_next() => match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a connection ended"),
                Err(error) => tracing::error!(%error, "a connection's handler failed"),
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&state)));
                }
                Err(error) => tracing::warn!(%error, "accepting a connection failed"),
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(mut stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    if state.is_away() {
        return stream.set_zero_linger();
    }
    let Some(request) = http::read(&mut stream).await? else {
        return Ok(());
    };
    let act = due(&mut lock(&state.faults), &request.method, &request.path);
    let broken = state.description.violations(&request);
    lock(&state.violations).extend(broken);
    let reply = state.done(&request, act.as_ref());
    state.record(&request, reply.as_ref().map(|reply| reply.status));
    match (reply, act) {
        (Some(reply), _) => http::write(&mut stream, &reply).await,
        (None, Some(Act::Hang | Act::KeepAnswer)) => std::future::pending().await,
        (None, _) => stream.set_zero_linger(),
    }
}

impl State {
    fn is_away(&self) -> bool {
        let mut away = lock(&self.away);
        let was_away = *away > 0;
        *away = away.saturating_sub(1);
        was_away
    }

    /// What the client gets to see, if anything.
    fn done(&self, request: &Request, act: Option<&Act>) -> Option<Reply> {
        let mut world = lock(&self.world);
        match act {
            None => {
                let reply = answer(&mut world, &self.api, request);
                if !self.description.allows(request, reply.status) {
                    let (method, path) = (&request.method, &request.path);
                    let broken = format!("{method} {path}: answered {}", reply.status);
                    lock(&self.violations).push(broken);
                }
                Some(reply)
            }
            Some(Act::LoseAnswer | Act::KeepAnswer) => {
                answer(&mut world, &self.api, request);
                None
            }
            Some(Act::Cut | Act::Hang) => None,
            Some(Act::Answer { status, message, headers }) => {
                let mut reply = error(*status, message);
                reply.headers.clone_from(headers);
                let own =
                    |name: &str| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
                reply.headers.extend(limits(&world).into_iter().filter(|(name, _)| !own(name)));
                Some(reply)
            }
            Some(Act::Page) => {
                let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
                Some(Reply { status: 200, headers, body: b"<html>Log in</html>".to_vec() })
            }
        }
    }

    fn record(&self, request: &Request, status: Option<u16>) {
        let query = if request.query.is_empty() { "" } else { &format!("?{}", request.query) };
        let record = Recorded {
            method: request.method.clone(),
            target: format!("{}{query}", request.path),
            headers: request.headers.clone(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status,
        };
        let mut records = lock(&self.records);
        if records.len() >= MAX_RECORDS {
            records.remove(0);
        }
        records.push(record);
        drop(records);
        self.changed.notify_waiters();
    }
}

/// Nothing panics halfway through a change under a lock, so what is in it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
