//! Puts a run's parts together from the config and the flags.

use std::sync::Arc;
use std::time::Duration;

use checkpoint_store::SqliteStore;
use degradation_templates::Templates;
use model_providers::{Chain, Providers};
use orchestrator::{
    Chains, ChecksSetting, Gate, Parts, ProjectCommandSetting, Settings, Shutdown, Sign,
};
use tokio::time::Instant;
use worktree::{Guard, Person, ProjectEnvironment};

use crate::args::WorkArgs;
use crate::config::{ProjectCommand, Role, duration};
use crate::environment::{SHORTEST_SECRET, looks_secret};
use crate::error::{CommandError, usage};
use crate::human::Screen;
use crate::project::Project;

/// Overrides the config with what was typed.
pub(crate) fn apply_flags(project: &mut Project, work: &WorkArgs) -> Result<(), CommandError> {
    let run = &mut project.config.run;
    if let Some(parallel) = work.parallel {
        run.parallel = usize::try_from(parallel).unwrap_or(1);
    }
    if let Some(minutes) = work.timeout_minutes.and_then(|minutes| minutes.0) {
        run.timeout = Duration::from_secs(minutes.saturating_mul(60));
    }
    if let Some(timeout) = &work.timeout {
        run.timeout = duration::parse(timeout)
            .map_err(|error| usage(format!("--timeout: `{timeout}` is not a duration: {error}")))?;
    }
    if run.timeout.is_zero() {
        return Err(usage("--timeout: a run needs some time"));
    }
    run.deadline_reserve = run.deadline_reserve.min(run.timeout / 4);
    if let Some(branch) = &work.branch {
        run.branch.clone_from(branch);
    }
    if work.no_wait {
        project.config.failover.max_wait = Duration::ZERO;
        project.config.failover.retry_after_wait = Duration::ZERO;
    }
    Ok(())
}

/// Every part of a run.
pub(crate) async fn parts(
    project: &Project,
    store: &SqliteStore,
    work: &WorkArgs,
    shutdown: &Shutdown,
    started: Instant,
) -> Result<Parts, CommandError> {
    let providers = project.providers(Some(store)).await?;
    let config = &project.config;
    let chain = |role| chain(&providers, project, role);
    let chains = Chains {
        planner: chain(Role::Planner)?,
        coder: chain(Role::Coder)?,
        reviewer: chain(Role::Reviewer)?,
    };
    for line in project.failover_status(&providers) {
        project.printer.say(crate::printer::Tone::Plain, &line);
    }
    let guard = Guard::new(&denied(project), config.guard.max_file_bytes).map_err(usage)?;
    let guard = Arc::new(guard);
    Ok(Parts {
        store: Arc::new(store.clone()),
        values: Arc::new(store.clone()),
        repository: project.repository.clone(),
        forge: Arc::new(forge(project)),
        templates: Arc::new(templates(project)?),
        chains,
        agents: agents_settings(project, &guard),
        guard,
        settings: settings(project, work),
        listener: Arc::new(Screen::new(Arc::clone(&project.printer))),
        shutdown: shutdown.clone(),
        deadline: Some(started + config.run.timeout.saturating_sub(config.run.deadline_reserve)),
    })
}

/// Where people are told, and answer.
pub(crate) fn forge(project: &Project) -> forge::Folder {
    forge::Folder::new(project.top().to_owned())
}

/// Denied whatever the config says: what decides where keys are sent and which
/// programs are started, what the next run works on, and what a shell runs by
/// itself. A model that may write these has what belay has.
const ALWAYS_DENIED: [&str; 4] = ["belay.yaml", "ideas/**", ".belay/**", ".envrc"];

/// The paths that no model may write: those above, the config that is in use,
/// and what `guard.deny` says.
fn denied(project: &Project) -> Vec<String> {
    let always = ALWAYS_DENIED.iter().map(|pattern| (*pattern).to_owned());
    let config = project.config_path.iter().map(|path| literal(path));
    always.chain(config).chain(project.config.guard.deny.iter().cloned()).collect()
}

/// A pattern that matches this path and no other.
fn literal(path: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '!' | '\\');
    path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// The templates; checked before anything is begun, so a broken one is exit 2.
pub(crate) fn templates(project: &Project) -> Result<Templates, CommandError> {
    match &project.config.degradation.templates {
        Some(folder) => Templates::with_folder(&project.top().join(folder)).map_err(|error| {
            usage(format!("degradation.templates: {:#}", anyhow::Error::from(error)))
        }),
        None => Templates::built_in().map_err(|error| anyhow::Error::from(error).into()),
    }
}

fn chain(providers: &Arc<Providers>, project: &Project, role: Role) -> Result<Chain, CommandError> {
    providers.chain(project.config.chain(role), project.config.role_timeout(role)).map_err(usage)
}

fn agents_settings(project: &Project, guard: &Arc<Guard>) -> agents::Settings {
    let config = &project.config;
    let guard = Arc::clone(guard);
    agents::Settings {
        context_files: config.context.files.clone(),
        deny: config.context.deny.clone(),
        rounds: config.context.rounds,
        max_milestones: config.run.max_milestones,
        max_file_bytes: config.guard.max_file_bytes,
        max_questions: config.run.max_questions,
        unwritable: Arc::new(|_| None),
        path_guard: Arc::new(move |path| {
            guard.check_path(path).map_err(|refusal| refusal.to_string())
        }),
    }
}

fn settings(project: &Project, work: &WorkArgs) -> Settings {
    let config = &project.config;
    Settings {
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
        checks: ChecksSetting::Auto,
        gate: Gate::Milestone,
        hooks: true,
        sign: Sign::Auto,
        min_confidence: config.run.min_confidence,
        max_questions: usize::try_from(config.run.max_questions).unwrap_or(usize::MAX),
        test_timeout: config.run.test_timeout,
        project: ProjectEnvironment::unconfined(project.surroundings.for_project()),
        subject: config.commit.subject.clone(),
        author: config
            .commit
            .author
            .as_ref()
            .map(|author| Person { name: author.name.clone(), email: author.email.clone() }),
        worktrees: project.surroundings.cache().join("worktrees"),
        max_file_bytes: config.guard.max_file_bytes,
        plan_only: work.dry_run,
        secrets: secrets(project),
        resume_command: "belay resume".to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_a_pattern_means_itself() {
        let guard = Guard::new(&[literal("ci/[a]*{b}.yaml")], 10).expect("a pattern");
        assert!(guard.check_path("ci/[a]*{b}.yaml").is_err());
        assert!(guard.check_path("ci/a{b}.yaml").is_ok() && guard.check_path("ci/ab.yaml").is_ok());
    }
}
