//! Signals: the first asks for a clean end, the second ends at once.

use std::sync::Arc;

use orchestrator::Shutdown;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::printer::{Printer, Tone};

/// Watches for SIGINT, SIGTERM and SIGHUP until the process ends.
///
/// What is finished is durable already, so the hard end loses nothing.
pub(crate) fn watch(shutdown: &Shutdown, printer: &Arc<Printer>) -> std::io::Result<()> {
    let kinds = [
        ("SIGINT", SignalKind::interrupt()),
        ("SIGTERM", SignalKind::terminate()),
        ("SIGHUP", SignalKind::hangup()),
    ];
    for (name, kind) in kinds {
        let mut stream = signal(kind)?;
        let (shutdown, printer) = (shutdown.clone(), Arc::clone(printer));
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if shutdown.token().is_cancelled() {
                    end_at_once();
                }
                printer.say(Tone::Warn, &format!("[GRACEFUL SHUTDOWN] {name} received"));
                shutdown.request(name);
            }
        });
    }
    Ok(())
}

#[expect(clippy::exit, reason = "a second signal ends the process whatever it is doing")]
fn end_at_once() -> ! {
    std::process::exit(i32::from(Exit::Killed.code()))
}
