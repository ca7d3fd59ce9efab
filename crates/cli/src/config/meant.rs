//! The config as meant: every default filled in, every value checked, nothing left to interpret.
//! Each crate is handed its own small settings from here, so no two of them can disagree about
//! what a missing key means. The fields are open so that flags can override them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use model_providers::{BudgetLimits, Endpoint, Facts, Failover, ModelId};
use url::Url;
use worktree::CheckKind;

/// Everything that `belay.yaml`, the environment and the built-in data say together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// By name, also those whose key is not set.
    pub(crate) providers: BTreeMap<String, Provider>,
    /// Facts about models: those of the config, then those of the built-in data.
    pub(crate) models: BTreeMap<ModelId, Facts>,
    /// The chains, without models that cannot be asked for want of a key.
    pub(crate) roles: Roles,
    /// When the next model of a chain is asked.
    pub(crate) failover: Failover,
    /// The most bytes taken of one answer; none is what the models' crate has by default.
    pub(crate) max_response_bytes: Option<usize>,
    /// When a failing model is not asked for a while.
    pub(crate) circuit_breaker: circuit_breaker::Settings,
    /// What happens when no model answers.
    pub(crate) degradation: Degradation,
    /// Whether a milestone may be committed without all of its items.
    pub(crate) partial_success: PartialSuccess,
    /// Coding-agent programs that work in a folder of their own.
    pub(crate) agents: agents::WorkRules,
    /// How one idea is worked on.
    pub(crate) run: Run,
    /// What a run may spend.
    pub(crate) budget: BudgetLimits,
    /// What a commit looks like.
    pub(crate) commit: Commit,
    /// What a model is shown of the repository.
    pub(crate) context: Context,
    /// What a model may never write.
    pub(crate) guard: Guard,
    /// Issues and pull requests.
    pub(crate) github: Github,
    /// Where the state of runs is kept.
    pub(crate) store: Store,
}

/// Who a request is asked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Understands the idea and plans it.
    Planner,
    /// Writes the files.
    Coder,
    /// Judges what was written.
    Reviewer,
}

impl Role {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 3] = [Self::Planner, Self::Coder, Self::Reviewer];

    /// Its name in the config, in events and for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::Coder => "coder",
            Self::Reviewer => "reviewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One place where models are asked.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// What it speaks, where it is, and its key if that is set.
    pub(crate) endpoint: Endpoint,
    /// The environment variable that holds its key; none if it needs no key.
    pub(crate) key_variable: Option<String>,
    /// It stands in no file: a key in the environment or a local server was found.
    pub(crate) is_detected: bool,
}

impl Provider {
    /// Whether it needs no key, or has it.
    pub(crate) fn is_usable(&self) -> bool {
        self.key_variable.is_none() || self.endpoint.api_key.is_some()
    }
}

/// The chain and the time of each role.
#[derive(Clone, Debug)]
pub(crate) struct Roles {
    /// Default timeout: 5 min.
    pub(crate) planner: RoleChain,
    /// Default timeout: 10 min.
    pub(crate) coder: RoleChain,
    /// Default timeout: 5 min.
    pub(crate) reviewer: RoleChain,
}

impl Roles {
    /// One role's.
    pub(crate) fn get(&self, role: Role) -> &RoleChain {
        match role {
            Role::Planner => &self.planner,
            Role::Coder => &self.coder,
            Role::Reviewer => &self.reviewer,
        }
    }

    /// One role's, to be filled.
    pub(super) fn get_mut(&mut self, role: Role) -> &mut RoleChain {
        match role {
            Role::Planner => &mut self.planner,
            Role::Coder => &mut self.coder,
            Role::Reviewer => &mut self.reviewer,
        }
    }
}

impl Default for Roles {
    fn default() -> Self {
        let chain = |minutes| RoleChain {
            chain: Vec::new(),
            left_out: Vec::new(),
            timeout: Duration::from_mins(minutes),
        };
        Self { planner: chain(5), coder: chain(10), reviewer: chain(5) }
    }
}

/// The models of one role.
#[derive(Clone, Debug)]
pub(crate) struct RoleChain {
    /// In order; empty means that the template alone answers.
    pub(crate) chain: Vec<ModelId>,
    /// Those that would stand in it if the key of their provider were set.
    pub(crate) left_out: Vec<ModelId>,
    /// The whole chain's.
    pub(crate) timeout: Duration,
}

/// What happens when no model answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Degradation {
    /// Off: the run fails instead. Default: on.
    pub(crate) enabled: bool,
    /// A folder whose files replace the built-in templates; relative to the repository's top.
    pub(crate) templates: Option<PathBuf>,
}

impl Default for Degradation {
    fn default() -> Self {
        Self { enabled: true, templates: None }
    }
}

/// Whether a milestone may be committed without all of its items.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartialSuccess {
    /// Off: all or nothing. Default: on.
    pub(crate) enabled: bool,
    /// The share of items that must have succeeded, above 0. Default: 0.5.
    pub(crate) min_success_rate: f64,
}

impl Default for PartialSuccess {
    fn default() -> Self {
        Self { enabled: true, min_success_rate: 0.5 }
    }
}

/// A command of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProjectCommand {
    /// Found by what the repository holds.
    #[default]
    Auto,
    /// None is run.
    None,
    /// This one, through a shell.
    Given(String),
}

/// The checks of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Found by what the repository holds.
    #[default]
    Auto,
    /// These, in this order; no two have one name. Empty: none but the tests.
    Given(Vec<Check>),
}

/// One check of the project, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// What people call it.
    pub(crate) name: String,
    /// What it looks at. Default: lint.
    pub(crate) kind: CheckKind,
    /// Through a shell.
    pub(crate) command: String,
    /// None is `test_timeout`.
    pub(crate) timeout: Option<Duration>,
    /// None is what `run.gate` says for its kind.
    pub(crate) gate: Option<Gate>,
}

/// When checks are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gate {
    /// At each milestone.
    #[default]
    Milestone,
    /// Once, before the run ends; of `run.gate`, only builds and tests wait for it.
    End,
}

/// Whether the project's commands are kept from writing and reading elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Confine {
    /// Where the system can.
    #[default]
    Auto,
    /// Not at all.
    Off,
}

/// How a branch is brought up to date with its base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Update {
    /// Not at all.
    #[default]
    None,
    /// The base is merged into it.
    Merge,
    /// It is made anew on top of the base.
    Rebase,
}

/// How one idea is worked on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Work items of a milestone written at the same time. Default: 3.
    pub(crate) parallel: usize,
    /// The process has ended by then. Default: 23 min.
    pub(crate) timeout: Duration,
    /// Kept of the timeout for an orderly end; less than it. Default: 20 s.
    pub(crate) deadline_reserve: Duration,
    /// The most milestones of a plan. Default: 10.
    pub(crate) max_milestones: usize,
    /// How often a milestone's failed items are tried again. Default: 2.
    pub(crate) milestone_retries: u32,
    /// How often findings and red tests are sent back to the coder. Default: 2.
    pub(crate) fix_rounds: u32,
    /// With `{idea}` for the idea's id. Default: `belay/{idea}`.
    pub(crate) branch: String,
    /// What to start from; none is what is checked out.
    pub(crate) base: Option<String>,
    /// What is done when the base has moved on between two processes. Default: none.
    pub(crate) update: Update,
    /// The remote that the branch is pushed to after each milestone. Default: none.
    pub(crate) push: Option<String>,
    /// Run once before the tests. Default: auto.
    pub(crate) setup_command: ProjectCommand,
    /// Default: auto.
    pub(crate) test_command: ProjectCommand,
    /// The longest that the tests, and a check without a time of its own, may take. Default: 10
    /// min.
    pub(crate) test_timeout: Duration,
    /// What is run besides the tests. Default: auto.
    pub(crate) checks: Checks,
    /// When the slow checks and the tests are run. Default: at each milestone.
    pub(crate) gate: Gate,
    /// The names of environment variables that the project's commands see besides the usual ones.
    pub(crate) test_env: Vec<String>,
    /// Whether the project's commands are kept within bounds. Default: auto.
    pub(crate) confine: Confine,
    /// Below this confidence of an analysis a person is asked. Default: 0.5.
    pub(crate) min_confidence: f64,
    /// The most questions put to a person at once. Default: 3.
    pub(crate) max_questions: usize,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            parallel: 3,
            timeout: Duration::from_mins(23),
            deadline_reserve: Duration::from_secs(20),
            max_milestones: 10,
            milestone_retries: 2,
            fix_rounds: 2,
            branch: "belay/{idea}".to_owned(),
            base: None,
            update: Update::None,
            push: None,
            setup_command: ProjectCommand::Auto,
            test_command: ProjectCommand::Auto,
            test_timeout: Duration::from_mins(10),
            checks: Checks::Auto,
            gate: Gate::Milestone,
            test_env: Vec::new(),
            confine: Confine::Auto,
            min_confidence: 0.5,
            max_questions: 3,
        }
    }
}

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    /// The person's name.
    pub(crate) name: String,
    /// The address, without its angle brackets.
    pub(crate) email: String,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// As what is found says.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// What a commit looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// None is what git's config says.
    pub(crate) author: Option<Author>,
    /// Whether the repository's hooks are run before a commit. Default: yes.
    pub(crate) hooks: bool,
    /// Whether commits are signed. Default: auto, which is as git's config says.
    pub(crate) sign: Choice,
    /// With `{number}`, `{total}` and `{name}`. Default: `Milestone {number}/{total}: {name}`.
    pub(crate) subject: String,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            author: None,
            hooks: true,
            sign: Choice::Auto,
            subject: "Milestone {number}/{total}: {name}".to_owned(),
        }
    }
}

/// What a model is shown of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// Files that are always shown where they exist.
    pub(crate) files: Vec<String>,
    /// Globs of files that are never shown.
    pub(crate) deny: Vec<String>,
    /// How often a model may ask for more files. Default: 3.
    pub(crate) rounds: u32,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            files: owned(&["AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md"]),
            deny: owned(&["**/.env", "**/*.pem"]),
            rounds: 3,
        }
    }
}

/// What a model may never write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// Globs of files that are never written.
    pub(crate) deny: Vec<String>,
    /// The largest file that is written, in bytes. Default: 1 MiB.
    pub(crate) max_file_bytes: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            deny: owned(&[
                ".git/**",
                ".github/workflows/**",
                ".husky/**",
                ".gitmodules",
                "**/CODEOWNERS",
                "**/.npmrc",
                "**/.env",
            ]),
            max_file_bytes: 1 << 20,
        }
    }
}

/// Which pull request is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PullRequest {
    /// One that is ready for review.
    #[default]
    Ready,
    /// A draft.
    Draft,
    /// None.
    None,
}

/// Issues and pull requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Github {
    /// Default: auto, which is GitHub where a token and a repository there are found.
    pub(crate) enabled: Choice,
    /// `owner/name`; none is what the remote says.
    pub(crate) repository: Option<String>,
    /// The environment variable that holds the token. Default: `GITHUB_TOKEN`.
    pub(crate) token_env: String,
    /// For GitHub Enterprise.
    pub(crate) api_url: Option<Url>,
    /// Who issues are assigned to. Default: nobody.
    pub(crate) assignees: Vec<String>,
    /// Default: ready.
    pub(crate) pull_request: PullRequest,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            enabled: Choice::Auto,
            repository: None,
            token_env: "GITHUB_TOKEN".to_owned(),
            api_url: None,
            assignees: Vec::new(),
            pull_request: PullRequest::Ready,
        }
    }
}

/// Which store keeps the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// An embedded database.
    #[default]
    Sqlite,
}

/// Where the state of runs is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Store {
    /// Default: sqlite.
    pub(crate) kind: StoreKind,
    /// Its folder, relative to the repository's top; none is `belay/` in the git directory.
    pub(crate) path: Option<PathBuf>,
    /// The remote that it is kept on too, with the branch. Default: none.
    pub(crate) mirror: Option<String>,
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
