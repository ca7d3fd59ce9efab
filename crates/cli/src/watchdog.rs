//! The last resort of the time limit: whatever hangs, the process has ended by
//! then. What is durable is durable, so the run is one that was interrupted.

use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

use orchestrator::Status;
use tokio::time::Instant;

use crate::exit::Exit;
use crate::printer;

/// How long after the time limit a run may still take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Ends the process when `timeout` and a grace have passed since it started.
pub(crate) fn begin(started: Instant, timeout: Duration, strict: bool) -> io::Result<()> {
    let left = timeout.saturating_add(GRACE).saturating_sub(started.elapsed());
    let watch = move || {
        let (_open, nothing) = mpsc::channel::<()>();
        // Ends by the time-out alone: nothing is ever sent.
        let _passed = nothing.recv_timeout(left);
        end(Exit::of_run(Status::Interrupted, false, false, strict));
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(watch).map(drop)
}

#[expect(clippy::exit, reason = "what hangs cannot be asked to end")]
fn end(exit: Exit) -> ! {
    printer::last_words("the time is up and something hangs: ended here; `belay resume` goes on");
    // Last, as whoever waits for one of them would go on with its end.
    subprocess::end_all_now();
    std::process::exit(i32::from(exit.code()))
}
