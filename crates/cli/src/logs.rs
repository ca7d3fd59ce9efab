//! Log lines on standard error, out of the way of the live ones.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::Global;
use crate::environment::Surroundings;
use crate::printer::Printer;

/// Begins to write logs; `BELAY_LOG` says which, in `tracing`'s terms.
pub(crate) fn begin(global: &Global, surroundings: &Surroundings, printer: &Arc<Printer>) {
    let default = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_new(surroundings.var("BELAY_LOG").unwrap_or(default))
        .unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines { printer: Arc::clone(printer) })
        .with_ansi(false)
        .without_time()
        .init();
}

/// Writes one log line at a time, as the subscriber hands them over.
#[derive(Clone)]
struct Lines {
    printer: Arc<Printer>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.printer.log(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
