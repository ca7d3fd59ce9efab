//! The listening port and the life of everything behind it. A test server that outlives its
//! test holds a port and answers strangers, so stopping is part of the interface.
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::clock::pause;
use crate::connection;
use crate::state::State;
use crate::{Recorded, Script};

/// Connections served at once; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 2_048;
/// Rest after an accept that failed for want of something, such as file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(20);

/// A server on a free port of 127.0.0.1, for any number of models.
///
/// Dropping it stops it too, without waiting for the end.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Bound and never listening: whoever connects to it is refused.
    refusing: TcpSocket,
    state: Arc<State>,
    stopping: CancellationToken,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn start(script: Script) -> io::Result<Self> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(loopback).await?;
        let address = listener.local_addr()?;
        let refusing = TcpSocket::new_v4()?;
        refusing.bind(loopback)?;
        let state = Arc::new(State::new(script));
        let stopping = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), stopping.clone()));
        Ok(Self { address, refusing, state, stopping, accepting: Some(accepting) })
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// `http://127.0.0.1:PORT`, for clients that add `/v1` or `/v1beta` themselves.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A base URL like [`Server::base_url`], at a port where nobody listens but which is
    /// held for the server's life: connecting to it is refused by the kernel
    /// (`ECONNREFUSED`), which no listening port can do.
    ///
    /// # Errors
    /// If the socket's address cannot be read.
    pub fn refusing_url(&self) -> io::Result<String> {
        Ok(format!("http://{}/v1", self.refusing.local_addr()?))
    }

    /// The requests for answers in the order they came: the newest 4,096, or fewer
    /// where their bodies exceed 64 MiB. One that was not even HTTP, or too large to be read
    /// (64 KiB of head, 32 MiB of body), is answered with its 4xx and not among them.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.ledger.records()
    }

    /// How many requests for chat completions came, those no longer kept included.
    pub fn request_count(&self) -> u64 {
        self.state.ledger.counts().0
    }

    /// Replaces the script for requests that come from now on. Calls and given answers are
    /// counted anew; the numbers of requests go on.
    pub fn set_script(&self, script: Script) {
        self.state.set_script(script);
    }

    /// Returns when at least `n` requests have come since the start. Set a limit where the
    /// client might not send them.
    pub async fn wait_for_requests(&self, n: usize) {
        let enough = |received, _| received >= n as u64;
        self.state.ledger.wait(enough).await;
    }

    /// Returns when the answers to at least `n` requests are over, by any end: the way to
    /// see that a client let go of a request.
    pub async fn wait_for_ended(&self, n: usize) {
        let enough = |_, ended| ended >= n as u64;
        self.state.ledger.wait(enough).await;
    }

    /// Closes the port and all connections; both are gone when it returns.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
        {
            tracing::error!(%error, "the simulated models did not stop in order");
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
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::serve(stream, Arc::clone(&state)));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    pause(ACCEPT_REST).await;
                }
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

fn report(ended: Result<io::Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        // A client that leaves in the middle of an answer is its right, not an error.
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended"),
        Err(error) => tracing::error!(%error, "a connection's handler failed"),
    }
}
