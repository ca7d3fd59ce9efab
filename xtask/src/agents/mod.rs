//! The real coding-agent programs: installed at pinned versions, and tried against simulated models.
//!
//! What these programs do on a failure stands in no document of theirs and changes with their
//! versions. Fakes show that belay holds its promises; only the real ones show that belay knows them.

mod install;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::metadata::Workspace;

#[derive(Clone, Subcommand)]
pub(crate) enum Agents {
    /// Installs the pinned programs with npm, outside of what git knows
    Install {
        /// The folder, by default target/agents
        #[arg(long)]
        into: Option<PathBuf>,
    },
}

/// A program as it is named here and on the machine.
struct Program {
    preset: &'static str,
    command: &'static str,
    /// Where its own executable lies below node_modules; `*` is any part that begins and ends so.
    /// A wrapper in between would be ended without it.
    executable: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program {
        preset: "claude-code",
        command: "claude",
        executable: "@anthropic-ai/claude-code-*/claude",
    },
    Program { preset: "codex", command: "codex", executable: "@openai/codex-*/vendor/*/bin/codex" },
    Program {
        preset: "gemini-cli",
        command: "gemini",
        executable: "@google/gemini-cli/bundle/gemini.js",
    },
    Program { preset: "opencode", command: "opencode", executable: "opencode-*/bin/opencode" },
];

pub(crate) fn run(what: Agents) -> anyhow::Result<()> {
    let workspace = Workspace::read()?;
    match what {
        Agents::Install { into } => {
            let folder = folder(&workspace, into);
            install::install(&workspace.top.join("xtask/agents"), &folder)
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
