//! The only owner of the database connection: a thread that takes one request
//! after the other, so that callers on the runtime wait without blocking it
//! and the connection has one user.
//!
//! No timer stands over a request. Everything it waits for has a limit of its
//! own (the busy timeout, the looks at a lock), and giving up on a commit in
//! the middle would only leave its outcome unknown.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::Error;
use crate::sqlite::failure::During as _;

/// Requests that may wait in line; more callers wait outside.
const LINE: usize = 64;

type Request = Box<dyn FnOnce(&mut Connection) + Send>;

/// Asks the worker. The worker ends with the last clone of its handle.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    requests: mpsc::Sender<Request>,
    /// Its other end is dropped when the connection is closed.
    ended: watch::Receiver<()>,
}

impl Worker {
    /// Opens a connection by `open` on the worker's own thread and starts
    /// taking requests.
    pub(super) async fn start(
        open: impl FnOnce() -> Result<Connection, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let (requests, mut line) = mpsc::channel::<Request>(LINE);
        let (opened, open_outcome) = oneshot::channel();
        let (ends, ended) = watch::channel(());
        thread::Builder::new()
            .name("checkpoint-store".into())
            .spawn(move || {
                let _ends = ends;
                let mut connection = match open() {
                    Ok(connection) => connection,
                    Err(error) => {
                        tell(opened, Err(error));
                        return;
                    }
                };
                tell(opened, Ok(()));
                while let Some(request) = line.blocking_recv() {
                    request(&mut connection);
                }
                if let Err((_, error)) = connection.close() {
                    tracing::warn!(%error, "the state was not closed cleanly");
                }
            })
            .during("starting the state's worker")?;
        open_outcome.await.map_err(|_| Error::Closed)??;
        Ok(Self { requests, ended })
    }

    /// Gives this handle up and waits until the connection is closed, which it
    /// is with the last handle.
    pub(super) async fn close(self, limit: Duration) -> Result<(), Error> {
        let Self { requests, mut ended } = self;
        drop(requests);
        // Nothing is ever sent: a change is the end.
        match tokio::time::timeout(limit, ended.changed()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::io("closing the state", &ErrorKind::ResourceBusy.into())),
        }
    }

    /// Runs `work` on the worker and waits for what it gives.
    ///
    /// Cancellation: once it is in line, it runs, whoever still waits.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, outcome) = oneshot::channel();
        let request: Request = Box::new(move |connection| tell(reply, work(connection)));
        self.requests.send(request).await.map_err(|_| Error::Closed)?;
        outcome.await.map_err(|_| Error::Closed)?
    }
}

/// An outcome nobody waits for is dropped: with it goes a lease, if it is one.
fn tell<T>(reply: oneshot::Sender<Result<T, Error>>, outcome: Result<T, Error>) {
    if reply.send(outcome).is_err() {
        tracing::debug!("nobody waits for an outcome of the store any more");
    }
}
