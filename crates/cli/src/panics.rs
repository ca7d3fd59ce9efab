//! A panic anywhere asks for a clean end.
//!
//! The failure this prevents: a task of the runtime panics, nobody waits for
//! it, and the run goes on for hours without what the task was for.

use std::any::Any;
use std::panic::{self, PanicHookInfo};

use orchestrator::Shutdown;

use crate::exit::Exit;

/// Until it is dropped a panic ends the process: a runtime that panics as it starts, since the
/// system gives it no thread, waits for ever for the threads that it has.
pub(crate) fn ends_the_process() -> Starting {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| end(&print, info)));
    Starting
}

/// See [`ends_the_process`].
pub(crate) struct Starting;

impl Drop for Starting {
    fn drop(&mut self) {
        drop(panic::take_hook());
    }
}

#[expect(clippy::exit, reason = "nothing is begun yet, and nothing else would end it")]
fn end(print: &dyn Fn(&PanicHookInfo<'_>), info: &PanicHookInfo<'_>) {
    print(info);
    std::process::exit(i32::from(Exit::Failure.code()))
}

/// Watches for panics in every thread until the process ends; each is also printed as always.
pub(crate) fn watch(shutdown: &Shutdown) {
    let shutdown = shutdown.clone();
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        shutdown.request(&format!("panic: {}", said(info.payload())));
        print(info);
    }));
}

/// What a panic says, short enough for a record.
pub(crate) fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").chars().take(200).collect()
}
