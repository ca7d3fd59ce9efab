//! `belay completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::printer::Printer;

/// Prints the completions of a shell.
pub(crate) fn run(printer: &Printer, shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "belay", &mut script);
    printer.out(String::from_utf8_lossy(&script).trim_end());
}
