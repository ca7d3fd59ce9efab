//! The real coding-agent programs: installed at pinned versions, and tried against simulated models.
//!
//! What these programs do on a failure stands in no document of theirs and changes with their
//! versions. Fakes show that belay holds its promises; only the real ones show that belay knows them.

mod fakes;
mod install;
mod leftovers;
mod matrix;
mod outcome;
mod trial;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::metadata::Workspace;
use matrix::{Bench, Chosen};

#[derive(Clone, Subcommand)]
pub(crate) enum Agents {
    /// Installs the pinned programs with npm, outside of what git knows
    Install {
        /// The folder, by default target/agents
        #[arg(long)]
        into: Option<PathBuf>,
    },
    /// Runs belay with fake agents and each installed program as the first link, through every
    /// failure: two tables
    Test {
        /// Where they were installed, by default target/agents
        #[arg(long)]
        from: Option<PathBuf>,
        /// Only the program of this preset, or `relay`: one item through all of them; and no fakes
        #[arg(long)]
        program: Option<String>,
        /// Only an answer, a milestone and one failure of each
        #[arg(long)]
        short: bool,
    },
}

/// A program as it is named here and on the machine.
struct Program {
    preset: &'static str,
    command: &'static str,
    /// Where its own executable lies below node_modules; `*` is any part that begins and ends so.
    /// A wrapper in between would be ended without it.
    executable: &'static str,
    /// The variable of its key, here.
    key: &'static str,
    /// What stands before a model's name, for one with providers of its own.
    model_prefix: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program {
        preset: "claude-code",
        command: "claude",
        executable: "@anthropic-ai/claude-code-*/claude",
        key: "ANTHROPIC_API_KEY",
        model_prefix: "",
    },
    Program {
        preset: "codex",
        command: "codex",
        executable: "@openai/codex-*/vendor/*/bin/codex",
        key: "OPENAI_API_KEY",
        model_prefix: "",
    },
    Program {
        preset: "gemini-cli",
        command: "gemini",
        executable: "@google/gemini-cli/bundle/gemini.js",
        key: "GEMINI_API_KEY",
        model_prefix: "",
    },
    Program {
        preset: "opencode",
        command: "opencode",
        executable: "opencode-*/bin/opencode",
        key: "OPENAI_API_KEY",
        model_prefix: "simulated/",
    },
];

pub(crate) fn run(what: Agents) -> anyhow::Result<()> {
    let workspace = Workspace::read()?;
    match what {
        Agents::Install { into } => {
            let folder = folder(&workspace, into);
            install::install(&workspace.top.join("xtask/agents"), &folder)
        }
        Agents::Test { from, program, short } => {
            let commands = commands(&folder(&workspace, from));
            let bench = Bench { top: workspace.top, target: workspace.target, commands };
            bench.test(&Chosen { program, short })
        }
    }
}

fn folder(workspace: &Workspace, named: Option<PathBuf>) -> PathBuf {
    named.unwrap_or_else(|| workspace.target.join("agents"))
}

/// Where the commands of an installation stand.
fn commands(folder: &Path) -> PathBuf {
    folder.join("bin")
}
