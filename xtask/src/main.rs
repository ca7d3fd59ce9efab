//! What CI runs, as one program that needs nothing but cargo: `cargo xtask ci`.
//!
//! Rules that only stand in a document are broken within a month. Those here fail the build, name
//! the place, and run the same way on a desk and in CI.

mod agents;
mod cargo;
mod code;
mod files;
mod layers;
mod links;
mod metadata;
mod packages;
mod parts;
mod problem;
mod process;
mod snapshots;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::parts::{Parts, Snapshots};

/// The project's checks; each part also runs alone.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Clone, Subcommand)]
enum Part {
    /// Everything: lint, test, integration, snapshot, packages, loom, docs; stops at the first part that fails
    Ci,
    /// layers, tidy, `cargo fmt --check`, clippy with warnings as errors
    Lint,
    /// Which crate uses which, against the table in Cargo.toml and docs/architecture.md
    Layers {
        /// Renew the table in docs/architecture.md
        #[arg(long)]
        write: bool,
    },
    /// File openings, sizes, names and words that no compiler looks at
    Tidy,
    /// Unit tests and doc tests
    Test,
    /// Every test, with snapshots compared only: none pending, none unreferenced
    Snapshot,
    /// Integration tests
    Integration,
    /// Runs killed at every call, on failing disks, without their unsynced writes; takes long
    KillAnywhere {
        /// How many runs are killed
        #[arg(long, default_value_t = 1000)]
        cases: usize,
        /// Which: the same number gives the same cases
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// The libraries packed, and used from their packages outside of the workspace
    Packages,
    /// The circuit breaker under every order in which threads can meet
    Loom,
    /// The circuit breaker's tests under miri; not in ci, as it needs a nightly toolchain with miri
    Miri,
    /// The real coding-agent programs, against simulated models; not in ci, as they are large
    #[command(subcommand)]
    Agents(agents::Agents),
    /// docs/reference.md against the code that it is made from; its test runs with `test`, too
    Reference {
        /// Renew the page
        #[arg(long)]
        write: bool,
    },
    /// `cargo doc` with warnings as errors, and the relative links of the Markdown files
    Docs,
}

fn main() -> ExitCode {
    let part = Arguments::parse().part;
    match run(part) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cargo::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(part: Part) -> anyhow::Result<()> {
    let parts = Parts::new()?;
    match part {
        Part::Agents(what) => agents::run(what),
        Part::Ci => parts.ci(),
        Part::Lint => parts.lint(),
        Part::Layers { write: true } => parts.write_layers(),
        Part::Layers { write: false } => parts.layers(),
        Part::Tidy => parts.tidy(),
        Part::Test => parts.test(&Snapshots::compare()),
        Part::Snapshot => parts.snapshot(),
        Part::Integration => parts.integration(&Snapshots::compare()),
        Part::KillAnywhere { cases, seed } => parts.kill_anywhere(cases, seed),
        Part::Packages => parts.packages(),
        Part::Loom => parts.loom(),
        Part::Miri => parts.miri(),
        Part::Reference { write } => parts.reference(write),
        Part::Docs => parts.docs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
