//! One trial: a program as the first link of a chain, what happens to it, and the folder with all
//! that is needed for it: a repository, a home, the config, the script of the models.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::{Program, process};

/// The model that the program asks, and the one that takes over.
pub(super) const MODEL: &str = "m";
pub(super) const NEXT: &str = "plain/plain";
const FILE: &str = "greeting.py";
const TEXT: &str = "def greeting():\n    return \"hello\"\n";
/// Longer than any wait of a trial.
const NEVER: u64 = 3_600_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It analyzes and plans.
    Answer,
    /// It does a milestone's item in its worktree.
    Workspace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    Status(u16),
    Stall,
    Cut,
    /// belay gets this signal while the program waits for its model.
    Signal(&'static str),
}

pub(super) struct Trial {
    pub(super) program: &'static Program,
    pub(super) mode: Mode,
    pub(super) trouble: Trouble,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Workspace => "workspace",
        }
    }
}

impl Trouble {
    pub(super) fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Status(status) => status.to_string(),
            Self::Stall => "stall".to_owned(),
            Self::Cut => "cut".to_owned(),
            Self::Signal(name) => format!("SIG{name}"),
        }
    }

    fn fault(self) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Status(status @ 429) => {
                Some(json!({"status": {"status": status, "retry_after": "3600"}}))
            }
            Self::Status(status) => Some(json!({"status": {"status": status}})),
            Self::Stall => Some(json!({"stall": {"after_chunks": 1}})),
            Self::Cut => Some(json!({"cut": {"after_chunks": 1}})),
            Self::Signal(_) => Some(json!({"slow_headers": {"delay_ms": NEVER}})),
        }
    }
}

impl Trial {
    pub(super) fn folder(&self, below: &Path) -> PathBuf {
        let (mode, trouble) = (self.mode.name(), self.trouble.name());
        below.join(format!("{}-{mode}-{trouble}", self.program.preset))
    }

    /// What the models do. In a workspace the trouble comes when the program has written its file.
    pub(super) fn script(&self) -> Value {
        let mut when = match self.mode {
            Mode::Answer => json!({}),
            Mode::Workspace => json!({"results": 1}),
        };
        if matches!(self.trouble, Trouble::Signal(_)) {
            // The next start finds a model that is well.
            when["to_call"] = 1.into();
        }
        let steps = self.trouble.fault().map(|fault| json!([{"when": when, "then": fault}]));
        let milestone = json!({"name": "Greet", "description": "The file.", "tests": [], "read": [],
            "files": {"create": [FILE], "modify": [], "delete": []}});
        let plan = json!({"milestones": [milestone], "risks": [], "confidence": 0.9,
            "success_criteria": ["it greets"]});
        let work = json!({"deeds": [{"write": {"path": FILE, "content": TEXT}}],
            "then": "greeting.py is written, with the function that was asked for."});
        json!({
            "models": {MODEL: {"steps": steps.unwrap_or_else(|| json!([]))}},
            "answers": {
                "plan": plan,
                "changes": {FILE: {"content": {"content": TEXT}}},
                "works": [work],
            },
        })
    }

    /// Makes the repository and the home. The models answer at `url`.
    pub(super) fn lay_out(&self, folder: &Path, url: &str) -> anyhow::Result<()> {
        let repository = folder.join("repository");
        for (path, text) in [
            ("home/.codex/config.toml", codex(url)),
            ("home/.gemini/settings.json", gemini().to_string()),
            ("home/opencode.json", opencode(url).to_string()),
            ("repository/belay.yaml", self.config(url)),
            ("repository/README.md", "A greeting.\n".to_owned()),
            (
                "repository/ideas/backlog/001-greeting.md",
                "# A greeting\n\nWrite greeting.py.\n".to_owned(),
            ),
        ] {
            write(&folder.join(path), &text)?;
        }
        git(&repository, &["init", "-q", "-b", "main"])?;
        git(&repository, &["add", "-A"])?;
        git(&repository, &["commit", "-q", "-m", "start"])
    }

    fn config(&self, url: &str) -> String {
        let Program { preset, key, .. } = self.program;
        let mode = self.mode.name();
        let tried = format!("[{}, {NEXT}]", self.link());
        let (planner, coder) = match self.mode {
            Mode::Answer => (tried, format!("[{NEXT}]")),
            Mode::Workspace => (format!("[{NEXT}]"), tried),
        };
        format!(
            "providers:
  agent: {{ kind: command, preset: {preset}, mode: {mode}, api_key_env: {key}, env: [ANTHROPIC_BASE_URL, GOOGLE_GEMINI_BASE_URL, OPENCODE_CONFIG] }}
  plain: {{ kind: openai, base_url: \"{url}/v1\" }}
roles:
  planner:  {{ chain: {planner}, timeout: 60s }}
  coder:    {{ chain: {coder}, timeout: 60s }}
  reviewer: {{ chain: [{NEXT}] }}
run: {{ parallel: 1, test_command: none, setup_command: none }}
commit: {{ author: \"trial <trial@belay.invalid>\" }}
github: {{ enabled: false }}
"
        )
    }

    /// The link that is tried.
    pub(super) fn link(&self) -> String {
        format!("agent/{}{MODEL}", self.program.model_prefix)
    }

    /// Gives belay a surrounding that holds this trial's home and addresses, and nothing else.
    pub(super) fn surround(&self, belay: &mut Command, folder: &Path, url: &str, path: &str) {
        let home = folder.join("home");
        belay.env_clear();
        belay.env("PATH", path).env("HOME", &home).env(self.program.key, "a-key-of-no-one");
        belay.env("ANTHROPIC_BASE_URL", url).env("GOOGLE_GEMINI_BASE_URL", url);
        belay.env("OPENCODE_CONFIG", home.join("opencode.json"));
    }
}

fn codex(url: &str) -> String {
    format!(
        "model_provider = \"simulated\"\n[model_providers.simulated]\nname = \"simulated\"\n\
         base_url = \"{url}/v1\"\nenv_key = \"OPENAI_API_KEY\"\nwire_api = \"responses\"\n\
         request_max_retries = 0\nstream_max_retries = 0\n"
    )
}

fn gemini() -> Value {
    json!({"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"maxAttempts": 1}})
}

fn opencode(url: &str) -> Value {
    let options = json!({"baseURL": format!("{url}/v1"), "apiKey": "{env:OPENAI_API_KEY}"});
    let model = json!({"name": MODEL, "limit": {"context": 200_000, "output": 8_000}});
    json!({"provider": {"simulated": {"npm": "@ai-sdk/openai-compatible", "name": "simulated",
        "options": options, "models": {MODEL: model}}}})
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().context("has no folder")?;
    fs::create_dir_all(parent)?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let author = ["-c", "user.name=trial", "-c", "user.email=trial@belay.invalid"];
    let status = process::command("git", folder).args(author).args(arguments).status();
    let status = status.context("git cannot be started")?;
    if !status.success() {
        bail!("git {}: {status}", arguments.join(" "));
    }
    Ok(())
}
