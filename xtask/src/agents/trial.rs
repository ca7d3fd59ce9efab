//! One trial: programs as the first links of a chain, what happens to each, and the folder with all
//! that is needed for it: a repository, a home, the config, the script of the models.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Program;
use crate::process;

/// The last link of every chain: a model that is well.
pub(super) const LAST: &str = "plain/plain";
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

/// A program and what happens to it.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) program: &'static Program,
    pub(super) trouble: Trouble,
}

pub(super) struct Trial {
    pub(super) mode: Mode,
    pub(super) links: Vec<Link>,
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
        let links = self.links.iter();
        let names = links.map(|link| format!("-{}-{}", link.program.preset, link.trouble.name()));
        below.join(format!("{}{}", self.mode.name(), names.collect::<String>()))
    }

    /// The model that a link asks.
    fn model(index: usize) -> String {
        format!("m{index}")
    }

    /// How a link is called in a chain.
    fn link(&self, index: usize) -> String {
        let prefix = self.links.get(index).map_or("", |link| link.program.model_prefix);
        format!("agent{index}/{prefix}{}", Self::model(index))
    }

    /// The link that should do it: the first that is well in the end.
    pub(super) fn expected(&self) -> String {
        let is_well = |link: &Link| matches!(link.trouble, Trouble::None | Trouble::Signal(_));
        self.links.iter().position(is_well).map_or(LAST.to_owned(), |index| self.link(index))
    }

    /// The signal that belay gets, if any.
    pub(super) fn signal(&self) -> Option<&'static str> {
        self.links.iter().find_map(|link| match link.trouble {
            Trouble::Signal(name) => Some(name),
            _ => None,
        })
    }

    /// What a link's model does. In a workspace the trouble comes when its program has written a file.
    fn steps(&self, trouble: Trouble) -> Value {
        let mut when = match self.mode {
            Mode::Answer => json!({}),
            Mode::Workspace => json!({"results": 1}),
        };
        if matches!(trouble, Trouble::Signal(_)) {
            // The next start finds a model that is well.
            when["to_call"] = 1.into();
        }
        let faults = trouble.fault().into_iter();
        faults.map(|fault| json!({"when": when, "then": fault})).collect()
    }

    /// What all models do and say.
    pub(super) fn script(&self) -> Value {
        let links = self.links.iter().enumerate();
        let models: serde_json::Map<String, Value> = links
            .map(|(index, link)| (Self::model(index), json!({"steps": self.steps(link.trouble)})))
            .collect();
        let milestone = json!({"name": "Greet", "description": "The file.", "tests": [], "read": [],
            "files": {"create": [FILE], "modify": [], "delete": []}});
        let plan = json!({"milestones": [milestone], "risks": [], "confidence": 0.9,
            "success_criteria": ["it greets"]});
        let work = json!({"deeds": [{"write": {"path": FILE, "content": TEXT}}],
            "then": "greeting.py is written, with the function that was asked for."});
        json!({
            "models": models,
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
            ("home/opencode.json", self.opencode(url).to_string()),
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
        let mode = self.mode.name();
        let mut providers = String::new();
        let mut tried = String::new();
        for (index, Link { program: Program { preset, key, .. }, .. }) in
            self.links.iter().enumerate()
        {
            providers.push_str(&format!("  agent{index}: {{ kind: command, preset: {preset}, mode: {mode}, api_key_env: {key}, env: [ANTHROPIC_BASE_URL, GOOGLE_GEMINI_BASE_URL, OPENCODE_CONFIG] }}\n"));
            tried.push_str(&format!("{}, ", self.link(index)));
        }
        let (planner, coder) = match self.mode {
            Mode::Answer => (tried.as_str(), ""),
            Mode::Workspace => ("", tried.as_str()),
        };
        format!(
            "providers:
{providers}  plain: {{ kind: openai, base_url: \"{url}/v1\" }}
roles:
  planner:  {{ chain: [{planner}{LAST}], timeout: 60s }}
  coder:    {{ chain: [{coder}{LAST}], timeout: 60s }}
  reviewer: {{ chain: [{LAST}] }}
failover: {{ max_models: 5 }}
run: {{ parallel: 1, test_command: none, setup_command: none }}
commit: {{ author: \"trial <trial@belay.invalid>\" }}
github: {{ enabled: false }}
"
        )
    }

    fn opencode(&self, url: &str) -> Value {
        let options = json!({"baseURL": format!("{url}/v1"), "apiKey": "{env:OPENAI_API_KEY}"});
        let limit = json!({"context": 200_000, "output": 8_000});
        let models = (0..self.links.len()).map(Self::model);
        let models: serde_json::Map<String, Value> =
            models.map(|model| (model.clone(), json!({"name": model, "limit": limit}))).collect();
        json!({"provider": {"simulated": {"npm": "@ai-sdk/openai-compatible", "name": "simulated",
            "options": options, "models": models}}})
    }

    /// Gives belay a surrounding that holds this trial's home and addresses, and nothing else.
    pub(super) fn surround(&self, belay: &mut Command, folder: &Path, url: &str, path: &str) {
        let home = folder.join("home");
        belay.env_clear();
        belay.env("PATH", path).env("HOME", &home);
        for link in &self.links {
            // One that is refused rests whoever has the same one.
            belay.env(link.program.key, format!("no-key-for-{}", link.program.key));
        }
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
