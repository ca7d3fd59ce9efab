//! Signals: the first asks for a clean end, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    let asked = Arc::new(AtomicBool::new(false));
    for (name, kind) in kinds {
        let mut stream = signal(kind)?;
        let (shutdown, printer, asked) =
            (shutdown.clone(), Arc::clone(printer), Arc::clone(&asked));
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if asked.swap(true, Ordering::Relaxed) {
                    end_at_once(&printer);
                }
                // Asked for first: saying so may take as long as it likes.
                shutdown.request(name);
                printer.say(Tone::Warn, &format!("[GRACEFUL SHUTDOWN] {name} received"));
            }
        });
    }
    Ok(())
}

#[expect(clippy::exit, reason = "a second signal ends the process whatever it is doing")]
fn end_at_once(printer: &Printer) -> ! {
    subprocess::end_all_now();
    printer.abandon();
    std::process::exit(i32::from(Exit::Killed.code()))
}
