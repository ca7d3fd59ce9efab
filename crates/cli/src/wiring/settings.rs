//! The rules of a run, from the config and the flags; also with what the
//! project's own commands are run.

use std::path::PathBuf;

use orchestrator::{
    CheckSetting, ChecksSetting, Gate, ProjectCommandSetting, PullRequestWhen, Settings, Sign,
    UpdateBy,
};
use worktree::{Check, Person, ProjectEnvironment};

use crate::args::WorkArgs;
use crate::bounds;
use crate::config::{self, Checks, Choice, Confine, ProjectCommand, PullRequest, Update};
use crate::environment::{SHORTEST_SECRET, looks_secret};
use crate::error::CommandError;
use crate::ideas;
use crate::project::Project;
use crate::upkeep;

/// The rules of a run.
pub(super) fn of(
    project: &Project,
    work: &WorkArgs,
    on_github: bool,
) -> Result<Settings, CommandError> {
    let config = &project.config;
    Ok(Settings {
        parallel: config.run.parallel.max(1),
        max_begun: work.max_iterations.and_then(|most| most.0),
        milestone_retries: config.run.milestone_retries,
        fix_rounds: usize::try_from(config.run.fix_rounds).unwrap_or(usize::MAX),
        min_success_rate: if config.partial_success.enabled {
            config.partial_success.min_success_rate
        } else {
            1.0
        },
        degradation: config.degradation.enabled,
        setup_command: command(&config.run.setup_command),
        test_command: command(&config.run.test_command),
        checks: checks(&config.run.checks),
        gate: gate(config.run.gate),
        hooks: config.commit.hooks,
        sign: match config.commit.sign {
            Choice::Auto => Sign::Auto,
            Choice::Always => Sign::Always,
            Choice::Never => Sign::Never,
        },
        min_confidence: config.run.min_confidence,
        max_questions: config.run.max_questions,
        test_timeout: config.run.test_timeout,
        project: environment(project)?,
        subject: config.commit.subject.clone(),
        author: config
            .commit
            .author
            .as_ref()
            .map(|author| Person { name: author.name.clone(), email: author.email.clone() }),
        update: match config.run.update {
            Update::None => UpdateBy::Nothing,
            Update::Merge => UpdateBy::Merge,
            Update::Rebase => UpdateBy::Rebase,
        },
        mirror: config.store.mirror.clone(),
        push: config.pushes_to().map(str::to_owned),
        pull_request: match config.github.pull_request {
            _ if !on_github => PullRequestWhen::Never,
            PullRequest::None => PullRequestWhen::Never,
            PullRequest::Ready => PullRequestWhen::Ready,
            PullRequest::Draft => PullRequestWhen::Draft,
        },
        worktrees: project.surroundings.cache().join("worktrees"),
        workspaces: upkeep::workspaces(project),
        transcripts: upkeep::transcripts(project),
        max_file_bytes: config.guard.max_file_bytes,
        plan_only: work.dry_run,
        progress_issue: on_github,
        secrets: secrets(project),
        resume_command: "belay resume".to_owned(),
    })
}

/// What may stand in no issue, report or request: keys and the like from the
/// environment and from the config.
fn secrets(project: &Project) -> Vec<String> {
    let mut secrets = project.surroundings.secrets();
    for provider in project.config.providers.values() {
        let endpoint = &provider.endpoint;
        secrets.extend(endpoint.api_key.iter().map(|key| key.expose().to_owned()));
        let headers = endpoint.headers.iter().filter(|(name, _)| looks_secret(name));
        secrets.extend(headers.map(|(_, value)| value.clone()));
    }
    let token = project.surroundings.var(&project.config.github.token_env);
    secrets.extend(token.map(|token| token.trim().to_owned()));
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    secrets.sort();
    secrets.dedup();
    // What contains another is replaced first.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

fn command(command: &ProjectCommand) -> ProjectCommandSetting {
    match command {
        ProjectCommand::Auto => ProjectCommandSetting::Auto,
        ProjectCommand::None => ProjectCommandSetting::Off,
        ProjectCommand::Given(command) => ProjectCommandSetting::Fixed(command.clone()),
    }
}

fn checks(checks: &Checks) -> ChecksSetting {
    let Checks::Given(list) = checks else {
        return ChecksSetting::Auto;
    };
    let setting = |given: &config::Check| CheckSetting {
        check: Check {
            name: given.name.clone(),
            kind: given.kind,
            command: worktree::ProjectCommand {
                command: given.command.clone(),
                dir: String::new(),
                source: "belay.yaml".to_owned(),
            },
            look: None,
            timeout_ms: given
                .timeout
                .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        },
        gate: given.gate.map(gate),
    };
    ChecksSetting::Fixed(list.iter().map(setting).collect())
}

fn gate(gate: config::Gate) -> Gate {
    match gate {
        config::Gate::Milestone => Gate::Milestone,
        config::Gate::End => Gate::End,
    }
}

/// What the project's commands see, and the bounds that they are kept in.
fn environment(project: &Project) -> Result<ProjectEnvironment, CommandError> {
    let mut env = project.surroundings.for_project(&project.config.run.test_env);
    if project.config.run.confine == Confine::Off {
        return Ok(ProjectEnvironment::unconfined(env));
    }
    let support = subprocess::confined::support();
    if !support.is_full() {
        project.printer.warn(&format!(
            "the project's own commands cannot be confined in full here: {support}"
        ));
    }
    let git_dir = project.repository.git_dir();
    let places = bounds::Places {
        top: project.top(),
        git_dir,
        launcher: launcher()?,
        scratch: &scratch(project),
    };
    let caches = bounds::missing_caches(&project.surroundings);
    env.extend(caches.into_iter().map(|(name, folder)| (name, folder.display().to_string())));
    let confinement = bounds::of(&project.surroundings, &places).map_err(anyhow::Error::from)?;
    Ok(ProjectEnvironment { env, confinement: Some(confinement) })
}

/// Our own program once more, also if its file was replaced meanwhile.
fn launcher() -> Result<Vec<String>, CommandError> {
    let program = std::env::current_exe().map_err(anyhow::Error::from)?;
    Ok(vec![program.display().to_string(), crate::CONFINED.to_owned()])
}

/// Files of ours that stand in for others; each repository has its own.
fn scratch(project: &Project) -> PathBuf {
    let repository = ideas::hash(&project.repository.git_dir().display().to_string());
    project.surroundings.cache().join("bounds").join(repository)
}
