//! A throw-away project with a run that was stopped while its first milestone was reviewed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};
use tempfile::TempDir;

const FILES: [&str; 3] = ["parts/sum.sh", "parts/least.sh", "parts/most.sh"];
/// Requests until the reviewer, who never answers, is asked: analysis, plan, three coders.
const UNTIL_REVIEW: usize = 6;

pub(crate) struct Project {
    root: TempDir,
    pub(crate) server: Server,
}

impl Project {
    pub(crate) async fn make() -> Result<Self> {
        let silent = ModelScript::steps([Step::always(Fault::Stall { after_chunks: 0 })]);
        let script = Script::with_model("reviewer", silent).with_answers(answers());
        let project = Self { root: tempfile::tempdir()?, server: Server::start(script).await? };
        project.fill()?;
        project.begin().await?;
        Ok(project)
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.root.path().join("repo")
    }

    /// Where the state lies, and where it is kept as it was before it was measured.
    pub(crate) fn state(&self) -> PathBuf {
        self.repo().join(".git/belay")
    }

    fn fill(&self) -> Result<()> {
        let home = self.root.path().join("home");
        fs::create_dir_all(&home)?;
        fs::write(home.join(".gitconfig"), "[user]\n\tname = Ada\n\temail = ada@example.org\n")?;
        let repo = self.repo();
        fs::create_dir_all(repo.join("ideas/backlog"))?;
        fs::write(
            repo.join("ideas/backlog/001-report.md"),
            "# A report\n\nReckon with numbers.\n",
        )?;
        self.git(&["init", "--quiet"])?;
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", "A project"])?;
        let url = self.server.base_url();
        let config = format!(
            "providers:\n  simulated: {{ kind: openai, base_url: \"{url}\" }}\n\
             roles:\n  planner: {{ chain: [simulated/planner] }}\n  coder: {{ chain: [simulated/coder] }}\n  reviewer: {{ chain: [simulated/reviewer] }}\n\
             run: {{ setup_command: none, test_command: none }}\n"
        );
        Ok(fs::write(repo.join("belay.yaml"), config)?)
    }

    /// The run's first process.
    async fn begin(&self) -> Result<()> {
        let mut belay = self.belay(&["run", "--format", "json"]).spawn()?;
        self.server.wait_for_requests(UNTIL_REVIEW).await;
        let stopped = Command::new("kill").arg(belay.id().to_string()).status()?;
        ensure!(stopped.success() && belay.wait()?.success(), "the run was not stopped");
        Ok(())
    }

    pub(crate) fn belay(&self, args: &[&str]) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_belay")));
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path().join("home"))
            .env("XDG_CACHE_HOME", self.root.path().join("cache"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null());
        command
    }

    fn git(&self, args: &[&str]) -> Result<()> {
        let status = self.command(Path::new("git")).args(args).status().context("git")?;
        ensure!(status.success(), "git {args:?}: {status}");
        Ok(())
    }
}

fn answers() -> Answers {
    let content = |path: &str| {
        let line = |number: usize| format!("# {path}: line {number} of some forty\n");
        (1..=40).map(line).collect::<String>()
    };
    let planned = json!({ "name": "Reckon", "description": "One function a file.",
        "files": { "create": FILES, "modify": [], "delete": [] }, "read": [], "tests": [] });
    Answers {
        plan: json!({ "milestones": [planned], "risks": [], "success_criteria": [], "confidence": 0.9 }),
        changes: FILES.map(|path| (path.to_owned(), FileAnswer::create(content(path)))).into(),
        ..Answers::default()
    }
}
