//! The config as typed: every key that may be written, each optional, no other. It says nothing
//! about defaults or sense; that is the meant form's part. `null` is the same as leaving a key out.

mod program;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use program::{
    Agents, HandOver, ProgramFailure, ProgramInput, ProgramMode, ProgramOutput,
};

/// belay's config. No key is required; a key that is left out or null has its default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "belay.yaml")]
pub(super) struct Document {
    /// Where models are asked, by a name of your choice. Left out: found by keys in the
    /// environment, coding agents that are logged in, and local servers.
    pub(super) providers: Option<BTreeMap<String, Option<Provider>>>,
    /// Facts about models, by `provider/name`.
    pub(super) models: Option<BTreeMap<String, Option<Model>>>,
    /// Which models are asked in which role, in order.
    pub(super) roles: Option<Roles>,
    /// When the next model of a chain is asked.
    pub(super) failover: Option<Failover>,
    /// When a failing model is not asked for a while.
    pub(super) circuit_breaker: Option<CircuitBreaker>,
    /// What happens when no model answers.
    pub(super) degradation: Option<Degradation>,
    /// Whether a milestone may be committed without all of its items.
    pub(super) partial_success: Option<PartialSuccess>,
    /// Coding-agent programs that work in a folder of their own.
    pub(super) agents: Option<Agents>,
    /// How one idea is worked on.
    pub(super) run: Option<Run>,
    /// What a run may spend.
    pub(super) budget: Option<Budget>,
    /// What a commit looks like.
    pub(super) commit: Option<Commit>,
    /// What a model is shown of the repository.
    pub(super) context: Option<Context>,
    /// What a model may never write.
    pub(super) guard: Option<Guard>,
    /// Issues and pull requests.
    pub(super) github: Option<Github>,
    /// Where the state of runs is kept.
    pub(super) store: Option<Store>,
}

/// One place where models are asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// What it speaks. Required.
    pub(super) kind: Option<ProviderKind>,
    /// The address that the requests' paths are added to, http or https.
    pub(super) base_url: Option<String>,
    /// The name of the environment variable that holds the key. Left out: it needs no key.
    pub(super) api_key_env: Option<String>,
    /// Headers sent with every request.
    pub(super) headers: Option<BTreeMap<String, String>>,
    /// Parameters added to the address of every request, such as Azure's `api-version`.
    pub(super) query: Option<BTreeMap<String, String>>,
    /// What the server is like, where its address does not say so, such as `azure` or `ollama`.
    pub(super) dialect: Option<String>,
    /// What may be asked with its key. Left out: what the server's headers say.
    pub(super) limits: Option<Limits>,
    /// For kind `command`: a known program, such as `codex`.
    pub(super) preset: Option<String>,
    /// For kind `command`: the program and its arguments, in which `{model}`, `{prompt}` and `{file}`
    /// are filled in.
    pub(super) command: Option<Vec<String>>,
    /// For `command`: how the question goes in. Default: by the arguments.
    pub(super) input: Option<ProgramInput>,
    /// For `command`: what standard output is. Default: text.
    pub(super) output: Option<ProgramOutput>,
    /// For kind `command`: variables that it sees besides the usual ones and its key.
    pub(super) env: Option<Vec<String>>,
    /// For kind `command`: an empty home instead of the person's. Default: false.
    pub(super) isolate_home: Option<bool>,
    /// For kind `command`: what it does as a coder. Default: `workspace` for a preset, else `answer`.
    pub(super) mode: Option<ProgramMode>,
    /// For `command`: what its exit states mean, such as `3: rate_limited`.
    pub(super) exits: Option<BTreeMap<String, ProgramFailure>>,
    /// For `command`: what a text on its standard error means if it failed.
    pub(super) errors: Option<BTreeMap<String, ProgramFailure>>,
    /// For kind `command`: the most steps that its lines may tell of. Default: by the program.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) max_steps: Option<i64>,
}

/// What may be asked with one key; it is kept to before a request is made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Requests within any minute.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) requests_per_minute: Option<i64>,
    /// Tokens of input and output within any minute.
    #[schemars(range(min = 1))]
    pub(super) tokens_per_minute: Option<i64>,
    /// Requests at the same time.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) concurrency: Option<i64>,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProviderKind {
    /// OpenAI-compatible chat completions.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// A program on this machine, such as a coding agent.
    Command,
}

/// Facts about a model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// Tokens of input and output together. Unknown counts as larger than any known one.
    #[schemars(range(min = 1))]
    pub(super) context_window: Option<i64>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub(super) max_output_tokens: Option<i64>,
    /// US dollars for a million tokens of input.
    #[schemars(range(min = 0.0))]
    pub(super) usd_per_million_input: Option<f64>,
    /// US dollars for a million tokens of output.
    #[schemars(range(min = 0.0))]
    pub(super) usd_per_million_output: Option<f64>,
    /// The longest that one attempt on it may take.
    pub(super) timeout: Option<DurationText>,
}

/// A whole number and a unit, joined as in `1m30s`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct DurationText(
    #[schemars(regex(pattern = r"^([0-9]+(ms|s|m|h|d))+$"))] pub(super) String,
);

/// The roles that models are asked in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    /// Understands the idea and plans it. Default timeout: 5m.
    pub(super) planner: Option<RoleChain>,
    /// Writes the files. Default timeout: 10m.
    pub(super) coder: Option<RoleChain>,
    /// Judges what was written. Default timeout: 5m.
    pub(super) reviewer: Option<RoleChain>,
}

/// The models of one role.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleChain {
    /// `provider/name`, the first one is the primary. Empty: the template alone answers.
    pub(super) chain: Option<Vec<String>>,
    /// The whole chain's.
    pub(super) timeout: Option<DurationText>,
}

/// When the next model of a chain is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Failover {
    /// Off: only the primary is asked. Default: true.
    pub(super) enabled: Option<bool>,
    /// The most models of a chain that one request asks. Default: 3.
    #[schemars(range(min = 1, max = 20))]
    pub(super) max_models: Option<i64>,
    /// A duration, or `auto`: what the model has shown. Default: auto.
    pub(super) first_token_timeout: Option<String>,
    /// The longest silence within an answer. Default: 60s.
    pub(super) idle_timeout: Option<DurationText>,
    /// The longest `Retry-After` that is waited for on the same model. Default: 3s.
    pub(super) retry_after_wait: Option<DurationText>,
    /// The longest wait for a model to come back when all rest. Default: 10s.
    pub(super) max_wait: Option<DurationText>,
    /// How often a model may mend an invalid answer. Default: 1.
    #[schemars(range(min = 0, max = 5))]
    pub(super) repair_attempts: Option<i64>,
    /// What follows a refusal. Default: next.
    pub(super) on_refusal: Option<OnRefusal>,
    /// A model that has not answered by then goes on, and the next one is asked beside it. Default:
    /// none.
    pub(super) hedge_after: Option<DurationText>,
    /// The most bytes taken of one answer. Default: 16777216.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub(super) max_response_bytes: Option<i64>,
}

/// What follows a model's refusal to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnRefusal {
    /// The next model is asked.
    Next,
    /// The request ends.
    Stop,
}

/// When a failing model is not asked for a while.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CircuitBreaker {
    /// Off: breakers never open. Default: true.
    pub(super) enabled: Option<bool>,
    /// Failed visits within the window that open it. Default: 5.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) failure_threshold: Option<i64>,
    /// How long it stays open before a probe. Default: 60s.
    pub(super) reset_timeout: Option<DurationText>,
    /// How long a failure counts. Default: 5m.
    pub(super) monitoring_window: Option<DurationText>,
    /// Failed visits in a row that open it, however far apart. Default: 5.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) consecutive_failures: Option<i64>,
    /// The most that reset_timeout grows to. Default: 15m.
    pub(super) max_reset_timeout: Option<DurationText>,
}

/// What happens when no model answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Degradation {
    /// Off: the run fails instead. Default: true.
    pub(super) enabled: Option<bool>,
    /// A folder whose files replace the built-in templates by name.
    pub(super) templates: Option<String>,
}

/// Whether a milestone may be committed without all of its items.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartialSuccess {
    /// Off: all or nothing. Default: true.
    pub(super) enabled: Option<bool>,
    /// The share of items that must have succeeded. Default: 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) min_success_rate: Option<f64>,
}

/// How one idea is worked on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// Work items of a milestone written at the same time. Default: 3.
    #[schemars(range(min = 1, max = 16))]
    pub(super) parallel: Option<i64>,
    /// The process has ended by then. Default: 23m.
    pub(super) timeout: Option<DurationText>,
    /// Kept of the timeout for an orderly end. Default: 20s.
    pub(super) deadline_reserve: Option<DurationText>,
    /// The most milestones of a plan. Default: 10.
    #[schemars(range(min = 1, max = 100))]
    pub(super) max_milestones: Option<i64>,
    /// How often a milestone's failed items are tried again. Default: 2.
    #[schemars(range(min = 0, max = 20))]
    pub(super) milestone_retries: Option<i64>,
    /// How often findings and red tests are sent back to the coder. Default: 2.
    #[schemars(range(min = 0, max = 20))]
    pub(super) fix_rounds: Option<i64>,
    /// The branch; `{idea}` is the idea's id. Default: belay/{idea}.
    pub(super) branch: Option<String>,
    /// The commit or branch to start from. Default: what is checked out.
    pub(super) base: Option<String>,
    /// What is done when the base has moved on between two processes. Default: none.
    pub(super) update: Option<Update>,
    /// The name of the remote that the branch is pushed to after each milestone. Default: none.
    pub(super) push: Option<String>,
    /// A shell command, `auto` or `none`. Default: auto.
    pub(super) setup_command: Option<String>,
    /// A shell command, `auto` or `none`. Default: auto.
    pub(super) test_command: Option<String>,
    /// The longest that the tests, and a check without a timeout of its own, may take. Default:
    /// 10m.
    pub(super) test_timeout: Option<DurationText>,
    /// What is run besides the tests, in order: `auto` or a list; an empty one is none. Default:
    /// auto.
    pub(super) checks: Option<Checks>,
    /// When the slow checks and the tests are run. Default: milestone.
    pub(super) gate: Option<Gate>,
    /// Environment variables that the project's commands see besides the usual ones.
    pub(super) test_env: Option<Vec<String>>,
    /// Whether the project's commands are kept from writing and reading elsewhere. Default: auto.
    pub(super) confine: Option<Confine>,
    /// Below this confidence of an analysis a person is asked. Default: 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) min_confidence: Option<f64>,
    /// The most questions put to a person at once. Default: 3.
    #[schemars(range(min = 0, max = 20))]
    pub(super) max_questions: Option<i64>,
}

/// How a branch is brought up to date with its base.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Update {
    /// Not at all.
    None,
    /// The base is merged into it.
    Merge,
    /// It is made anew on top of the base.
    Rebase,
}

/// `auto` or a list. Anything else is kept as such, so that its place is known when it is refused.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum Checks {
    /// Found by what the repository holds.
    Word(#[schemars(regex(pattern = r"^auto$"))] String),
    /// These, in this order.
    List(Vec<Check>),
    /// Neither.
    #[schemars(skip)]
    Other,
}

/// One check of the project.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// What people call it; no other check of the list has the same. Required.
    pub(super) name: Option<String>,
    /// The shell command; it is green if it ends with status 0. Required.
    pub(super) run: Option<String>,
    /// What it looks at. Default: lint.
    pub(super) kind: Option<CheckKind>,
    /// The longest that it may take. Default: test_timeout.
    pub(super) timeout: Option<DurationText>,
    /// When it is run. Default: as run.gate says for its kind.
    pub(super) gate: Option<Gate>,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckKind {
    /// It rewrites files to the project's form.
    Format,
    /// Style and likely errors.
    Lint,
    /// Types.
    Typecheck,
    /// It builds.
    Build,
    /// It runs tests.
    Test,
}

/// When checks are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Gate {
    /// At each milestone.
    Milestone,
    /// Once, before the run ends.
    End,
}

/// Whether the project's commands are kept within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Confine {
    /// Where the system can.
    Auto,
    /// Not at all.
    Off,
}

/// What a run may spend.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    /// US dollars a run; needs the price of every model. Default: no limit.
    #[schemars(range(min = 0.0))]
    pub(super) max_usd: Option<f64>,
    /// Tokens a run, input and output together. Default: no limit.
    #[schemars(range(min = 1))]
    pub(super) max_tokens: Option<i64>,
    /// US dollars a day (UTC) for all runs of this repository; needs the price of every model.
    /// Default: no limit.
    #[schemars(range(min = 0.0))]
    pub(super) max_usd_per_day: Option<f64>,
}

/// What a commit looks like.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Commit {
    /// `Name <address>`. Default: what git's config says.
    pub(super) author: Option<String>,
    /// Whether the repository's hooks are run before a commit. Default: true.
    pub(super) hooks: Option<bool>,
    /// Whether commits are signed; `auto` does as git's config says. Default: auto.
    pub(super) sign: Option<Choice>,
    /// With `{number}`, `{total}` and `{name}`. Default: Milestone {number}/{total}: {name}.
    pub(super) subject: Option<String>,
}

/// What a model is shown of the repository.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Context {
    /// Files that are always shown where they exist. Default: AGENTS.md, CLAUDE.md, CONTRIBUTING.md.
    pub(super) files: Option<Vec<String>>,
    /// Globs of files that are never shown. Default: **/.env, **/*.pem.
    pub(super) deny: Option<Vec<String>>,
    /// How often a model may ask for more files. Default: 3.
    #[schemars(range(min = 0, max = 20))]
    pub(super) rounds: Option<i64>,
}

/// What a model may never write.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Guard {
    /// Globs of files that are never written. Default: git's own, workflows, hooks and secrets.
    pub(super) deny: Option<Vec<String>>,
    /// The largest file that is written, in bytes. Default: 1048576.
    #[schemars(range(min = 1, max = 104_857_600))]
    pub(super) max_file_bytes: Option<i64>,
}

/// Issues and pull requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Github {
    /// `auto`: where a token and a repository on GitHub are there; true: always, or the run is
    /// refused; false: issues are files. Default: auto.
    pub(super) enabled: Option<Choice>,
    /// `owner/name`. Default: what the remote says.
    pub(super) repository: Option<String>,
    /// The environment variable that holds the token. Default: GITHUB_TOKEN.
    pub(super) token_env: Option<String>,
    /// For GitHub Enterprise, http or https.
    pub(super) api_url: Option<String>,
    /// Who issues are assigned to, by login. Default: nobody.
    pub(super) assignees: Option<Vec<String>>,
    /// Default: ready.
    pub(super) pull_request: Option<PullRequest>,
}

/// Which pull request is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PullRequest {
    /// One that is ready for review.
    Ready,
    /// A draft.
    Draft,
    /// None.
    None,
}

/// Where the state of runs is kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    /// Default: sqlite.
    pub(super) kind: Option<StoreKind>,
    /// The folder. Default: belay/ in the git directory.
    pub(super) path: Option<String>,
    /// The name of the remote that the state is kept on too. Default: none.
    pub(super) mirror: Option<String>,
}

/// The store that keeps the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StoreKind {
    /// An embedded database.
    Sqlite,
}

/// true, false or `auto`; kept as text, so that a wrong word is found where its place is known.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Choice(
    #[schemars(with = "bool", extend("enum" = [true, false, "auto"], "type" = ["boolean", "string"]))]
    pub(super) String,
);
