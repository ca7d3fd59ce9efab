//! The command line as typed.

mod chaos;

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use chaos::ChaosArgs;

/// Works on ideas with AI models and goes on when they fail.
#[derive(Parser, Debug)]
#[command(name = "belay", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Stands below what is a command's own.
pub(crate) const GLOBAL: &str = "Global options";

/// What every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    /// The repository to work in [default: the one you stand in]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// The config file [default: belay.yaml at the repository's top]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", env = "BELAY_CONFIG", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) config: Option<PathBuf>,
    /// What standard output holds
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Whether to colour what people read
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing along the way: the result and errors only
    #[arg(short, long, global = true, help_heading = GLOBAL, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// A value, or nothing: an empty variable is what a workflow passes on for an
/// input that was not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrEmpty<T>(pub(crate) Option<T>);

fn or_empty<T: FromStr>(text: &str) -> Result<OrEmpty<T>, T::Err> {
    if text.is_empty() { Ok(OrEmpty(None)) } else { text.parse().map(|value| OrEmpty(Some(value))) }
}

/// What standard output holds.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    Human,
    /// JSON: one object, or one event a line while a run is worked on.
    Json,
}

/// Whether to colour.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// Where standard error is a terminal and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Work on an idea, or on the next one
    Run(RunArgs),
    /// Go on with the newest unfinished run, or with RUN
    Resume(ResumeArgs),
    /// Write an idea down, or look at those that are there
    Idea {
        #[command(subcommand)]
        command: IdeaCommand,
    },
    /// Look at runs
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// Breakers by role and chain, the current run, the last runs, what waits for a person
    Status {
        /// Draw it again every second, until Ctrl-C; without a terminal, once for each change
        #[arg(short, long)]
        watch: bool,
    },
    /// How well the models served the runs, and what that cost
    Metrics {
        /// The run's id, or the beginning of it [default: all runs together]
        run: Option<String>,
    },
    /// Look at the models' circuit breakers, or close them
    Breaker {
        #[command(subcommand)]
        command: BreakerCommand,
    },
    /// Look at the config as it is meant
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Look at config, keys, endpoints, git, disk and templates, and say what to mend
    Doctor(DoctorArgs),
    /// See it work against simulated models with faults: no key, no network
    Demo(DemoArgs),
    /// Many runs against simulated models that fail by chance, protection by protection
    Chaos(ChaosArgs),
    /// Write belay.yaml, ideas/ and the hourly workflow where they are not there yet
    Init(InitArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How a run is worked on.
#[derive(Args, Debug, Clone)]
pub(crate) struct RunArgs {
    /// A path, an id such as 001, an issue such as '#12', or - for standard input [default: the next one]
    #[arg(value_name = "IDEA", env = "IDEA_ID", hide_env = true)]
    pub(crate) idea: Option<String>,
    /// Leave unfinished runs as they are and begin a new one
    #[arg(long, env = "FORCE_NEW", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Go on with an unfinished run of any idea first
    #[arg(long, env = "RESUME", hide = true, value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) resume: bool,
}

/// How an unfinished run is gone on with.
#[derive(Args, Debug, Clone)]
pub(crate) struct ResumeArgs {
    /// The run [default: the newest unfinished one]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
}

/// What `run` and `resume` have alike.
#[derive(Args, Debug, Clone)]
pub(crate) struct WorkArgs {
    /// The process has ended by then, for example 23m
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,
    /// The same in minutes
    #[arg(long, value_name = "MINUTES", env = "TIMEOUT_MINUTES", hide = true, value_parser = or_empty::<u64>)]
    pub(crate) timeout_minutes: Option<OrEmpty<u64>>,
    /// Coders side by side
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=16))]
    pub(crate) parallel: Option<u64>,
    /// Milestones that this process may begin
    #[arg(long, value_name = "N", env = "MAX_ITERATIONS", hide = true, value_parser = or_empty::<usize>)]
    pub(crate) max_iterations: Option<OrEmpty<usize>>,
    /// The branch of a new run
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Exit with another state than 0 unless all of it was done by models
    #[arg(long)]
    pub(crate) strict: bool,
    /// Never wait for a resting model; go to the next, or to the template
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Keep the state on this remote too [default: store.mirror]
    #[arg(long, value_name = "REMOTE")]
    pub(crate) mirror: Option<String>,
    /// Write issues into the local folder, not to GitHub
    #[arg(long)]
    pub(crate) no_github: bool,
    /// Stop after the plan
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl WorkArgs {
    /// As nobody typed anything, for runs in repositories that belay made itself.
    pub(crate) fn unattended() -> Self {
        Self {
            timeout: None,
            timeout_minutes: None,
            parallel: None,
            max_iterations: None,
            branch: None,
            strict: false,
            no_wait: false,
            mirror: None,
            no_github: true,
            dry_run: false,
        }
    }
}

/// What the doctor looks at.
#[derive(Args, Debug, Clone)]
pub(crate) struct DoctorArgs {
    /// Ask no endpoint and no server on this machine
    #[arg(long)]
    pub(crate) offline: bool,
    /// Put one small question to each model of the chains, and say what it cost
    #[arg(long, conflicts_with = "offline")]
    pub(crate) probe: bool,
    /// Walk each chain as if all models before a position were dead, and fail where nobody stands in
    #[arg(long, conflicts_with = "probe")]
    pub(crate) drill: bool,
}

/// Where the demo happens, and whether it is killed.
#[derive(Args, Debug, Clone)]
pub(crate) struct DemoArgs {
    /// The folder for everything that it makes [default: a fresh temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Kill the run in the middle (SIGKILL) and go on with it
    #[arg(long)]
    pub(crate) kill: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RunsCommand {
    /// Every run, newest first
    List,
    /// One run with its milestones
    Show {
        /// The run's id, or the beginning of it
        run: String,
    },
    /// One run as a page of HTML: attempts, breakers over time, cost, diffs, what is left
    Report {
        /// The run's id, or the beginning of it
        run: String,
        /// Where to write it; - for standard output [default: .belay/reports/RUN.html]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// What is wrong with the state of each run, and what would mend it
    Verify {
        /// The run's id, or the beginning of it [default: every run]
        run: Option<String>,
        /// Mend what is wrong; a copy of what is damaged is kept
        #[arg(long)]
        repair: bool,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum IdeaCommand {
    /// Write a sentence down as an idea of the backlog; the planner adds how one sees that it is done
    New {
        /// What is wanted
        sentence: String,
    },
    /// Every idea: the backlog in the order in which it is taken, then what is worked on or done
    List,
}

#[derive(Subcommand, Debug)]
pub(crate) enum BreakerCommand {
    /// Every model of the configured chains and its breaker
    List,
    /// Close one model's breaker, or all of them
    Reset {
        /// The model, as provider/name
        model: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Every setting with its value now, and where it came from
    Show,
}

/// What `init` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct InitArgs {
    /// Print the config's JSON Schema and write nothing
    #[arg(long)]
    pub(crate) schema: bool,
}
