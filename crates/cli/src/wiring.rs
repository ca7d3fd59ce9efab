//! Puts a run's parts together from the config and the flags.

mod github;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use checkpoint_store::{Holder, SqliteStore};
use degradation_templates::Templates;
use forge::{Folder, Places};
use model_providers::{Chain, Providers};
use orchestrator::{Chains, Parts, Shutdown};
use tokio::time::Instant;
use worktree::Guard;

use crate::args::WorkArgs;
use crate::clock;
use crate::config::{self, Choice, Role, duration};
use crate::error::{Code, CommandError, fail};
use crate::health;
use crate::human::Screen;
use crate::printer::Tone;
use crate::project::Project;

pub(crate) use github::{Use, chosen, login};

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
        run.timeout = duration::parse(timeout).map_err(|error| {
            fail(Code::Flag, format!("--timeout: `{timeout}` is not a duration: {error}"))
        })?;
    }
    if run.timeout.is_zero() {
        return Err(fail(Code::Flag, "--timeout: a run needs some time"));
    }
    run.deadline_reserve = run.deadline_reserve.min(run.timeout / 4);
    if let Some(branch) = &work.branch {
        if let Some(why) = config::bad_branch(branch) {
            return Err(fail(
                Code::Flag,
                format!("--branch: {branch} is no name for a branch: {why}"),
            ));
        }
        run.branch.clone_from(branch);
    }
    if let Some(mirror) = &work.mirror {
        if !config::is_remote_name(mirror) {
            return Err(fail(Code::Flag, "--mirror: must be the name of a remote, such as origin"));
        }
        project.config.store.mirror = Some(mirror.clone());
    }
    if work.no_github {
        project.config.github.enabled = Choice::Never;
    }
    if work.no_wait {
        project.config.failover.max_wait = Duration::ZERO;
        project.config.failover.retry_after_wait = Duration::ZERO;
    }
    Ok(())
}

/// When the last step must have ended.
pub(crate) fn deadline(project: &Project, started: Instant) -> Instant {
    let run = &project.config.run;
    started + run.timeout.saturating_sub(run.deadline_reserve)
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
    let forge = forge(project).await?;
    let chain = |role| chain(&providers, project, role);
    let chains = Chains {
        planner: chain(Role::Planner)?,
        coder: chain(Role::Coder)?,
        reviewer: chain(Role::Reviewer)?,
    };
    let guard = guard(project)?;
    let settings = settings::of(project, work, forge.github().is_some())?;
    Ok(Parts {
        store: Arc::new(store.clone()),
        values: Arc::new(store.clone()),
        repository: project.repository.clone(),
        forge: forge.clone(),
        pull_requests: forge,
        templates: Arc::new(templates(project)?),
        chains,
        agents: agents_settings(project, &guard),
        guard,
        settings,
        listener: Arc::new(Screen::new(Arc::clone(&project.printer))),
        holder: Holder {
            host: project.surroundings.host.clone(),
            pid: std::process::id(),
            since: clock::stamp(),
        },
        shutdown: shutdown.clone(),
        deadline: Some(deadline(project, started)),
        short_of: short_of(project),
    })
}

fn guard(project: &Project) -> Result<Arc<Guard>, CommandError> {
    let most = project.config.guard.max_file_bytes;
    Guard::new(&denied(project), most).map(Arc::new).map_err(|why| fail(Code::Config, why))
}

/// What models may see and say, for a question outside of a run.
pub(crate) fn reading(project: &Project) -> Result<agents::Settings, CommandError> {
    Ok(agents_settings(project, &guard(project)?))
}

/// What a milestone should not be begun for.
fn short_of(project: &Project) -> Arc<dyn Fn() -> Option<String> + Send + Sync> {
    let folders = vec![project.state_dir(), project.surroundings.cache()];
    Arc::new(move || health::short_of_disk(&folders))
}

/// Where people are told, and answer: the same one for the whole process.
pub(crate) async fn forge(project: &Project) -> Result<Arc<Places>, CommandError> {
    let made = project.forge.get_or_try_init(|| async {
        let folder = Folder::new(project.top().to_owned());
        let mirrored = project.config.store.mirror.is_some();
        let folder = if mirrored { folder.among_others() } else { folder };
        Ok(Arc::new(Places::new(folder, github::client(project).await?)))
    });
    made.await.cloned()
}

/// Says where people are told, where that matters: on GitHub, or where others do not see it.
pub(crate) async fn tell_where_issues_go(project: &Project) -> Result<(), CommandError> {
    let printer = &project.printer;
    match chosen(project).await? {
        Use::On(settings) => {
            printer.say(Tone::Plain, &format!("Issues: {} on GitHub", settings.repository()));
        }
        Use::Off(why) if project.config.store.mirror.is_some() => printer.warn(&format!(
            "issues are files of this machine, which another one with the same mirror does not see: {why}"
        )),
        Use::Off(_) => {}
    }
    Ok(())
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
            fail(
                Code::Templates,
                format!("degradation.templates: {:#}", anyhow::Error::from(error)),
            )
        }),
        None => Templates::built_in().map_err(|error| anyhow::Error::from(error).into()),
    }
}

pub(crate) fn chain(
    providers: &Arc<Providers>,
    project: &Project,
    role: Role,
) -> Result<Chain, CommandError> {
    providers
        .chain(project.config.chain(role), project.config.role_timeout(role))
        .map_err(|why| fail(Code::Config, why))
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
        unwritable: Arc::new(|path| {
            worktree::is_lockfile(path)
                .then(|| format!("{path} is written by the project's own command"))
        }),
        path_guard: Arc::new(move |path| {
            guard.check_path(path).map_err(|refusal| refusal.to_string())
        }),
        work: config.agents,
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
