//! The `belay` command line: reads arguments, surroundings and config once,
//! wires the crates together, prints, and decides the exit state. Everything
//! else is somebody else's.

mod args;
mod bounds;
mod branch_names;
mod branches;
mod chaos;
mod clock;
mod commands;
mod config;
mod debts;
mod demo;
#[cfg(test)]
mod documented;
mod environment;
mod error;
mod exit;
mod health;
mod human;
mod ideas;
mod job;
mod logins;
mod logs;
mod lost;
mod mending;
mod mirror;
mod panics;
mod printer;
mod project;
mod records;
#[cfg(test)]
mod reference;
mod selection;
mod signals;
mod summary;
mod upkeep;
mod watchdog;
mod wiring;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use crate::args::{Cli, Command, Global};
use crate::environment::Surroundings;
use crate::error::{Code, CommandResult};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::project::Project;

/// The hidden first argument of a launcher: see `subprocess::confined`.
pub(crate) const CONFINED: &str = "__confined";

/// Longer than any process lives.
const FOR_GOOD: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

fn main() -> ExitCode {
    // Before anything else: a launcher restricts itself, and must have neither
    // read anything by then nor started a thread.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == CONFINED) {
        let Err(error) = subprocess::confined::enter(args);
        return refuse(&format!("the command is not started: {error}"));
    }
    // Usage errors end with 2 and help with 0, as clap does by itself.
    let cli = Cli::parse();
    let surroundings = match Surroundings::read() {
        Ok(surroundings) => surroundings,
        Err(error) => return refuse(&format!("the current folder cannot be read: {error}")),
    };
    let printer = Arc::new(Printer::new(&cli.global, &surroundings));
    logs::begin(&cli.global, &surroundings, &printer);
    environment::seal();
    // Before the first command: what its children leave behind then falls to us.
    if let Err(error) = subprocess::become_subreaper() {
        tracing::debug!(%error, "orphans of commands are found by their marks only");
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("the runtime cannot be started: {error}")),
    };
    let result = runtime.block_on(command(cli, surroundings, Arc::clone(&printer)));
    // A task that hangs may not keep the process past its end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let exit = result.unwrap_or_else(|error| {
        printer.error(Some(error.code.slug()), &error.line());
        error.exit()
    });
    printer.finish();
    exit.into()
}

/// The runtime, with one thread for what blocks that is there for good: where the system gives no
/// more of them later, work waits for this one instead of failing.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let _starting = panics::ends_the_process();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().thread_keep_alive(FOR_GOOD).build()?;
    let first = runtime.spawn_blocking(|| ());
    runtime.block_on(first).map_err(std::io::Error::other)?;
    Ok(runtime)
}

async fn command(cli: Cli, surroundings: Surroundings, printer: Arc<Printer>) -> CommandResult {
    let started = clock::now();
    let command = match cli.command {
        Command::Completions { shell } => {
            commands::completions::run(&printer, shell);
            return Ok(Exit::Success);
        }
        Command::Demo(args) => {
            return commands::demo::run(&cli.global, surroundings, printer, args, started).await;
        }
        Command::Chaos(args) => {
            return commands::chaos::run(&cli.global, surroundings, printer, args).await;
        }
        Command::Doctor(args) => {
            return commands::doctor::run(&cli.global, surroundings, printer, args).await;
        }
        Command::Config { command } => {
            return commands::config::run(&cli.global, &surroundings, &printer, command).await;
        }
        Command::Init(args) => {
            return commands::init::run(&cli.global, &surroundings, &printer, &args).await;
        }
        command => command,
    };
    let project = Project::open(&cli.global, surroundings, printer).await?;
    match command {
        Command::Run(args) => commands::run::run(project, args, started).await,
        Command::Resume(args) => commands::run::resume(project, args, started).await,
        Command::Idea { command } => commands::idea::run(project, command).await,
        Command::Status { watch } => commands::status::run(project, watch).await,
        Command::Runs { command } => commands::runs::run(project, command).await,
        Command::Metrics { run } => commands::metrics::run(project, run.as_deref()).await,
        Command::Breaker { command } => commands::breaker::run(project, command).await,
        Command::Completions { .. }
        | Command::Config { .. }
        | Command::Demo(_)
        | Command::Chaos(_)
        | Command::Doctor(_)
        | Command::Init(_) => Ok(Exit::Success),
    }
}

fn refuse(message: &str) -> ExitCode {
    let global = Global {
        repo: None,
        config: None,
        format: args::Format::Human,
        color: args::Color::Never,
        verbose: 0,
        quiet: false,
    };
    let surroundings = Surroundings {
        vars: std::collections::BTreeMap::new(),
        here: std::path::PathBuf::new(),
        host: String::new(),
    };
    Printer::new(&global, &surroundings).error(Some(Code::System.slug()), message);
    Exit::Failure.into()
}
