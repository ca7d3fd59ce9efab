//! The three pipes of a child, moved at once: a parent that writes all of the
//! input before it reads any output, or reads one stream after the other,
//! waits for a child that waits for it.

use std::io;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep_until};

use crate::captured::HeadTail;
use crate::clock;
use crate::lines::Lines;

/// As much as a Linux pipe holds, so one wake-up empties a full one.
const CHUNK: usize = 64 * 1024;

/// When the child last wrote anything.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<Instant>);

impl Activity {
    pub(crate) fn starting(at: Instant) -> Self {
        Self(Mutex::new(at))
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clock::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes when nothing was written for `limit`; never without a limit.
    pub(crate) async fn silent_for(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        loop {
            let due = clock::after(self.last(), limit);
            sleep_until(due).await;
            if clock::after(self.last(), limit) <= clock::now() {
                return;
            }
        }
    }
}

/// The ends of a child's pipes that are ours.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

impl Pipes {
    /// The inode numbers of the output pipes, by which the system shows who
    /// else has them open.
    pub(crate) fn outputs(&self) -> Vec<u64> {
        let stdout = self.stdout.as_ref().map(AsFd::as_fd);
        let stderr = self.stderr.as_ref().map(AsFd::as_fd);
        [stdout, stderr]
            .into_iter()
            .flatten()
            .filter_map(|pipe| rustix::fs::fstat(pipe).ok())
            .map(|facts| facts.st_ino)
            .collect()
    }

    /// Feeds and drains until every pipe is closed at the other end. Dropping
    /// it closes our ends; what was read by then is in the buffers.
    pub(crate) async fn pump(
        self,
        input: &[u8],
        stdout: &mut HeadTail,
        stderr: &mut HeadTail,
        mut lines: Lines<'_>,
        activity: &Activity,
    ) -> io::Result<()> {
        let mut none = Lines::default();
        let (fed, out, err) = tokio::join!(
            feed(self.stdin, input),
            drain(self.stdout, stdout, &mut lines, activity),
            drain(self.stderr, stderr, &mut none, activity),
        );
        fed.and(out).and(err)
    }
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    match stdin.write_all(input).await {
        // A child need not read what it is given: its exit status tells
        // whether that was a failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

async fn drain(
    stream: Option<impl AsyncRead + Unpin>,
    buffer: &mut HeadTail,
    lines: &mut Lines<'_>,
    activity: &Activity,
) -> io::Result<()> {
    let Some(mut stream) = stream else {
        return Ok(());
    };
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            lines.finish();
            return Ok(());
        }
        activity.note();
        buffer.push(&chunk[..read]);
        lines.push(&chunk[..read]);
    }
}
