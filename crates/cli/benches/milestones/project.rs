//! A throw-away project: a git repository with a home of its own, so that nobody's settings,
//! hooks or signing keys are measured. Its tests take a few milliseconds.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::models::MILESTONES;

/// What is run as the project's tests.
pub(crate) const TESTS: &str = "sh test.sh";

const IDEA: &str = "# A report of numbers\n\nRead numbers, reckon with them, show the result.\n";
const SCRIPT: &str = "# Every part can be read by a shell.\nset -e\nfor part in parts/*.sh; do\n  if [ -e \"$part\" ]; then . \"./$part\"; fi\ndone\n";

pub(crate) struct Project {
    root: TempDir,
    pub(crate) repo: PathBuf,
}

impl Project {
    /// A repository with one commit: a README, the test script, the idea.
    pub(crate) fn make() -> Result<Self> {
        let root = tempfile::tempdir()?;
        let repo = root.path().join("repo");
        let project = Self { root, repo };
        std::fs::create_dir_all(project.home())?;
        project.write("README.md", "A report of numbers, in parts.\n")?;
        project.write("test.sh", SCRIPT)?;
        project.write("ideas/backlog/001-report.md", IDEA)?;
        let who =
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n";
        std::fs::write(project.home().join(".gitconfig"), who)?;
        project.git(&["init", "--quiet"])?;
        project.commit_all("A project")?;
        Ok(project)
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub(crate) fn write(&self, path: &str, content: &str) -> Result<()> {
        let path = self.repo.join(path);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        Ok(std::fs::write(path, content)?)
    }

    /// The config: one model a role, three coders at once, no set-up, the tests above.
    pub(crate) fn configure(&self, base_url: &str) -> Result<()> {
        let config = format!(
            "providers:\n  simulated: {{ kind: openai, base_url: \"{base_url}\" }}\n\
             roles:\n  planner: {{ chain: [simulated/planner] }}\n  coder: {{ chain: [simulated/coder] }}\n  reviewer: {{ chain: [simulated/reviewer] }}\n\
             run: {{ parallel: 3, setup_command: none, test_command: \"{TESTS}\" }}\n"
        );
        std::fs::write(self.repo.join(".git/info/exclude"), "belay.yaml\n")?;
        self.write("belay.yaml", &config)
    }

    /// From now on every git process of this project writes its own account of itself into the
    /// folder returned.
    pub(crate) fn trace(&self) -> Result<PathBuf> {
        let folder = self.root.path().join("trace");
        std::fs::create_dir_all(&folder)?;
        let config = self.home().join(".gitconfig");
        let known = std::fs::read_to_string(&config)?;
        let target = format!("[trace2]\n\teventTarget = {}\n", folder.display());
        std::fs::write(config, known + &target)?;
        Ok(folder)
    }

    /// A program in the repository with nothing of the surroundings but PATH.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(&self.repo)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("XDG_CACHE_HOME", self.root.path().join("cache"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn git(&self, args: &[&str]) -> Result<String> {
        let output = self.command("git").args(args).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {args:?}: {said}");
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    pub(crate) fn commit_all(&self, subject: &str) -> Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", subject]).map(drop)
    }

    pub(crate) fn test(&self) -> Result<()> {
        let status = self.command("sh").arg("test.sh").status()?;
        ensure!(status.success(), "the tests are red: {status}");
        Ok(())
    }

    /// Whether the job was done: a commit a milestone on top of the first, and all nine files.
    pub(crate) fn check(&self, branch: &str) -> Result<()> {
        let commits = self.git(&["rev-list", "--count", branch])?;
        ensure!(commits == "4", "{branch} has {commits} commits instead of 4");
        let files = self.git(&["ls-tree", "-r", "--name-only", branch])?;
        for file in MILESTONES.iter().flat_map(|(_, files)| files) {
            ensure!(files.lines().any(|found| found == *file), "{file} is missing on {branch}");
        }
        Ok(())
    }
}
