//! The sections that stand on their own, each from typed to meant: ranges, words, templates of
//! names. Providers and chains, which depend on each other, have their own files.

use std::ops::RangeInclusive;
use std::time::Duration;

use model_providers::{BudgetLimits, Failover, OnRefusal};

use super::check::Section;
use super::checks;
use super::duration;
use super::error::{ConfigError, quoted};
use super::meant::{
    Author, Choice, Commit, Confine, Context, Degradation, Github, Guard, PartialSuccess,
    ProjectCommand, PullRequest, Run, Store, StoreKind, Update,
};
use super::nearest::suggestion;
use super::typed;

/// A limit that is waited for: not zero, since nothing would ever be in time.
pub(super) const LIMIT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_hours(24);

/// A pause, which may be none at all.
const PAUSE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24);

/// A week is far beyond any run and keeps sums of durations away from their ends.
const LONG: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(7 * 24);

pub(super) fn failover(
    section: &Section<'_>,
    typed: typed::Failover,
) -> Result<Failover, ConfigError> {
    let default = Failover::default();
    let duration = |key, typed: Option<_>, default, range| {
        section.duration(key, typed.as_ref(), default, range)
    };
    let first_token_timeout = match typed.first_token_timeout.as_deref() {
        None | Some("auto") => default.first_token_timeout,
        Some(text) => Some(section.duration_text("first_token_timeout", text, LIMIT)?),
    };
    Ok(Failover {
        enabled: typed.enabled.unwrap_or(default.enabled),
        max_models: section.whole("max_models", typed.max_models, default.max_models, 1..=20)?,
        first_token_timeout,
        idle_timeout: duration("idle_timeout", typed.idle_timeout, default.idle_timeout, LIMIT)?,
        connect_timeout: default.connect_timeout,
        retry_after_wait: duration(
            "retry_after_wait",
            typed.retry_after_wait,
            default.retry_after_wait,
            PAUSE,
        )?,
        max_wait: duration("max_wait", typed.max_wait, default.max_wait, PAUSE)?,
        repair_attempts: section.whole(
            "repair_attempts",
            typed.repair_attempts,
            default.repair_attempts,
            0..=5,
        )?,
        on_refusal: match typed.on_refusal {
            None => default.on_refusal,
            Some(typed::OnRefusal::Next) => OnRefusal::Next,
            Some(typed::OnRefusal::Stop) => OnRefusal::Stop,
        },
        hedge_after: match &typed.hedge_after {
            None => default.hedge_after,
            given => {
                Some(section.duration("hedge_after", given.as_ref(), Duration::ZERO, LIMIT)?)
            }
        },
    })
}

/// The most bytes of one answer.
pub(super) fn max_response_bytes(
    section: &Section<'_>,
    typed: Option<i64>,
) -> Result<Option<usize>, ConfigError> {
    let bytes = |number| section.whole("max_response_bytes", Some(number), 0, 1024..=1 << 30);
    typed.map(bytes).transpose()
}

pub(super) fn circuit_breaker(
    section: &Section<'_>,
    typed: &typed::CircuitBreaker,
) -> Result<circuit_breaker::Settings, ConfigError> {
    let default = circuit_breaker::Settings::default();
    let reset_timeout = section.duration(
        "reset_timeout",
        typed.reset_timeout.as_ref(),
        default.reset_timeout,
        LIMIT,
    )?;
    let max_reset_timeout = section.duration(
        "max_reset_timeout",
        typed.max_reset_timeout.as_ref(),
        default.max_reset_timeout.max(reset_timeout),
        LIMIT,
    )?;
    if max_reset_timeout < reset_timeout {
        let message =
            format!("must be at least reset_timeout, which is {}", duration::text(reset_timeout));
        return Err(section.wrong("max_reset_timeout", message));
    }
    Ok(circuit_breaker::Settings {
        enabled: typed.enabled.unwrap_or(default.enabled),
        failure_threshold: section.whole(
            "failure_threshold",
            typed.failure_threshold,
            default.failure_threshold,
            1..=1000,
        )?,
        monitoring_window: section.duration(
            "monitoring_window",
            typed.monitoring_window.as_ref(),
            default.monitoring_window,
            LONG,
        )?,
        consecutive_failures: match typed.consecutive_failures {
            None => default.consecutive_failures,
            given => Some(section.whole("consecutive_failures", given, 1, 1..=1000)?),
        },
        reset_timeout,
        max_reset_timeout,
        ..default
    })
}

pub(super) fn degradation(
    section: &Section<'_>,
    typed: typed::Degradation,
) -> Result<Degradation, ConfigError> {
    let default = Degradation::default();
    Ok(Degradation {
        enabled: typed.enabled.unwrap_or(default.enabled),
        templates: section.path("templates", typed.templates)?,
    })
}

pub(super) fn partial_success(
    section: &Section<'_>,
    typed: &typed::PartialSuccess,
) -> Result<PartialSuccess, ConfigError> {
    let default = PartialSuccess::default();
    let rate =
        section.share("min_success_rate", typed.min_success_rate, default.min_success_rate)?;
    if rate == 0.0 {
        let message = "must be above 0: a milestone of which nothing succeeded is no success";
        return Err(section.wrong("min_success_rate", message));
    }
    Ok(PartialSuccess { enabled: typed.enabled.unwrap_or(default.enabled), min_success_rate: rate })
}

pub(super) fn agents(typed: &typed::Agents) -> agents::WorkRules {
    let default = agents::WorkRules::default();
    let hand_over = typed.hand_over.map(|what| what == typed::HandOver::Facts);
    agents::WorkRules {
        allow_outside: typed.allow_outside.unwrap_or(default.allow_outside),
        hand_over: hand_over.unwrap_or(default.hand_over),
    }
}

pub(super) fn run(
    section: &Section<'_>,
    typed: typed::Run,
    warnings: &mut Vec<String>,
) -> Result<Run, ConfigError> {
    let default = Run::default();
    let (timeout, deadline_reserve) = deadline(section, &typed, &default)?;
    let branch = section.line("branch", typed.branch)?.unwrap_or(default.branch);
    section.braces("branch", &branch, &["idea"])?;
    if let Some(why) = bad_branch(&branch) {
        return Err(
            section.wrong("branch", format!("{} is no name for a branch: {why}", quoted(&branch)))
        );
    }
    let base = section.line("base", typed.base)?;
    if base.as_ref().is_some_and(|base| base.starts_with('-') || base.contains(char::is_whitespace))
    {
        return Err(section.wrong("base", "must name a commit or a branch"));
    }
    let push = remote_name(section, "push", typed.push)?;
    Ok(Run {
        parallel: section.whole("parallel", typed.parallel, default.parallel, 1..=16)?,
        timeout,
        deadline_reserve,
        max_milestones: section.whole(
            "max_milestones",
            typed.max_milestones,
            default.max_milestones,
            1..=100,
        )?,
        milestone_retries: section.whole(
            "milestone_retries",
            typed.milestone_retries,
            default.milestone_retries,
            0..=20,
        )?,
        fix_rounds: section.whole("fix_rounds", typed.fix_rounds, default.fix_rounds, 0..=20)?,
        branch,
        base,
        update: match typed.update {
            None | Some(typed::Update::None) => Update::None,
            Some(typed::Update::Merge) => Update::Merge,
            Some(typed::Update::Rebase) => Update::Rebase,
        },
        push,
        setup_command: command(section, "setup_command", typed.setup_command.as_deref())?,
        test_command: command(section, "test_command", typed.test_command.as_deref())?,
        test_timeout: section.duration(
            "test_timeout",
            typed.test_timeout.as_ref(),
            default.test_timeout,
            LIMIT,
        )?,
        checks: checks::checks(section, typed.checks)?,
        gate: typed.gate.map_or(default.gate, checks::gate),
        test_env: checks::test_env(section, typed.test_env, warnings)?,
        confine: match typed.confine {
            None => default.confine,
            Some(typed::Confine::Auto) => Confine::Auto,
            Some(typed::Confine::Off) => Confine::Off,
        },
        min_confidence: section.share(
            "min_confidence",
            typed.min_confidence,
            default.min_confidence,
        )?,
        max_questions: section.whole(
            "max_questions",
            typed.max_questions,
            default.max_questions,
            0..=20,
        )?,
    })
}

/// A name and no address: what is said of a push must hold no password.
fn remote_name(
    section: &Section<'_>,
    key: &str,
    typed: Option<String>,
) -> Result<Option<String>, ConfigError> {
    let name = section.line(key, typed)?;
    if name.as_ref().is_some_and(|name| !is_remote_name(name)) {
        return Err(section.wrong(key, "must be the name of a remote, such as origin"));
    }
    Ok(name)
}

/// Whether this may be the name of a remote, which no address is.
pub(crate) fn is_remote_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !name.is_empty() && name.chars().all(is_letter) && !name.starts_with(['-', '/', '.'])
}

/// The time of a process and what of it is kept for its end. A reserve that nobody wrote gives way
/// to a short timeout; a written one that eats the whole of it is a mistake.
fn deadline(
    section: &Section<'_>,
    typed: &typed::Run,
    default: &Run,
) -> Result<(Duration, Duration), ConfigError> {
    let timeout = section.duration("timeout", typed.timeout.as_ref(), default.timeout, LONG)?;
    let reserve = section.duration(
        "deadline_reserve",
        typed.deadline_reserve.as_ref(),
        default.deadline_reserve.min(timeout / 4),
        PAUSE,
    )?;
    if reserve >= timeout {
        let message = format!("must be less than timeout, which is {}", duration::text(timeout));
        return Err(section.wrong("deadline_reserve", message));
    }
    Ok((timeout, reserve))
}

fn command(
    section: &Section<'_>,
    key: &str,
    typed: Option<&str>,
) -> Result<ProjectCommand, ConfigError> {
    match typed.map(str::trim) {
        None | Some("auto") => Ok(ProjectCommand::Auto),
        Some("none") => Ok(ProjectCommand::None),
        Some("") => Err(section.wrong(key, "must be a command, `auto` or `none`")),
        Some(text) if text.contains('\0') => {
            Err(section.wrong(key, "must not hold a NUL character"))
        }
        Some(text) => Ok(ProjectCommand::Given(text.to_owned())),
    }
}

/// What git would say of a branch of this name, whose braces are known to be right.
pub(crate) fn bad_branch(name: &str) -> Option<&'static str> {
    let parts = || name.split('/');
    if name.chars().any(|c| c.is_whitespace() || "~^:?*[\\".contains(c)) {
        Some("it has a character that git does not allow")
    } else if name.starts_with('-') {
        Some("it begins with `-`")
    } else if name.contains("..") || name.contains("@{") {
        Some("it holds `..` or `@{`")
    } else if parts().any(|part| part.is_empty() || part.starts_with('.')) {
        Some("a part of it is empty or begins with `.`")
    } else if parts().any(|part| part.ends_with(".lock") || part.ends_with('.')) {
        Some("a part of it ends with `.lock` or `.`")
    } else {
        None
    }
}

pub(super) fn budget(
    section: &Section<'_>,
    typed: &typed::Budget,
) -> Result<BudgetLimits, ConfigError> {
    Ok(BudgetLimits {
        max_usd: section.dollars("max_usd", typed.max_usd)?,
        max_tokens: section.optional_whole("max_tokens", typed.max_tokens, 1..=i64::MAX)?,
        max_usd_per_day: section.dollars("max_usd_per_day", typed.max_usd_per_day)?,
    })
}

pub(super) fn commit(section: &Section<'_>, typed: typed::Commit) -> Result<Commit, ConfigError> {
    let default = Commit::default();
    let subject = section.line("subject", typed.subject)?.unwrap_or(default.subject);
    section.braces("subject", &subject, &["number", "total", "name"])?;
    Ok(Commit {
        author: match section.line("author", typed.author)? {
            None => None,
            Some(text) => Some(author(&text).ok_or_else(|| {
                section.wrong("author", "must be written as `Name <address@example.com>`")
            })?),
        },
        hooks: typed.hooks.unwrap_or(default.hooks),
        sign: choice(section, "sign", typed.sign.as_ref())?,
        subject,
    })
}

fn author(text: &str) -> Option<Author> {
    let (name, rest) = text.split_once('<')?;
    let (name, email) = (name.trim(), rest.trim_end().strip_suffix('>')?.trim());
    let is_plain = |part: &str| !part.is_empty() && !part.contains(['<', '>']);
    (is_plain(name) && is_plain(email) && !email.contains(char::is_whitespace))
        .then(|| Author { name: name.to_owned(), email: email.to_owned() })
}

fn choice(
    section: &Section<'_>,
    key: &str,
    typed: Option<&typed::Choice>,
) -> Result<Choice, ConfigError> {
    match typed.map(|typed::Choice(text)| text.as_str()) {
        None | Some("auto") => Ok(Choice::Auto),
        Some("false" | "False" | "FALSE") => Ok(Choice::Never),
        Some("true" | "True" | "TRUE") => Ok(Choice::Always),
        Some(other) => {
            let hint = suggestion(other, &["auto", "true", "false"]);
            Err(section.wrong(key, format!("{} is not a choice here{hint}", quoted(other))))
        }
    }
}

pub(super) fn context(
    section: &Section<'_>,
    typed: typed::Context,
) -> Result<Context, ConfigError> {
    let default = Context::default();
    let files = typed.files.unwrap_or(default.files);
    for (index, file) in files.iter().enumerate() {
        let is_inside = !file.trim().is_empty()
            && !file.starts_with('/')
            && !file.split('/').any(|part| part == "..")
            && !file.contains(char::is_control);
        if !is_inside {
            let message = format!("{} must be a path within the repository", quoted(file));
            return Err(section.wrong_entry("files", index, message));
        }
    }
    Ok(Context {
        files,
        deny: section.globs("deny", typed.deny, default.deny)?,
        rounds: section.whole("rounds", typed.rounds, default.rounds, 0..=20)?,
    })
}

pub(super) fn guard(section: &Section<'_>, typed: typed::Guard) -> Result<Guard, ConfigError> {
    let default = Guard::default();
    Ok(Guard {
        deny: section.globs("deny", typed.deny, default.deny)?,
        max_file_bytes: section.whole(
            "max_file_bytes",
            typed.max_file_bytes,
            default.max_file_bytes,
            1..=100 << 20,
        )?,
    })
}

pub(super) fn github(section: &Section<'_>, typed: typed::Github) -> Result<Github, ConfigError> {
    let default = Github::default();
    let repository = section.line("repository", typed.repository)?;
    if repository.as_deref().is_some_and(|name| !is_repository(name)) {
        return Err(section.wrong("repository", "must be written as `owner/name`"));
    }
    if let Some(name) = &typed.token_env {
        section.variable("token_env", name)?;
    }
    let enabled = choice(section, "enabled", typed.enabled.as_ref())?;
    let assignees = typed.assignees.unwrap_or_default();
    if let Some(login) = assignees.iter().find(|login| !is_login(login)) {
        return Err(section.wrong("assignees", format!("{} is no login", quoted(login))));
    }
    if assignees.len() > MOST_ASSIGNEES {
        return Err(section.wrong("assignees", "GitHub assigns an issue to at most 10"));
    }
    Ok(Github {
        enabled,
        repository,
        token_env: typed.token_env.unwrap_or(default.token_env),
        api_url: match typed.api_url {
            None => None,
            Some(text) => Some(section.url("api_url", &text)?),
        },
        assignees,
        pull_request: match typed.pull_request {
            None => default.pull_request,
            Some(typed::PullRequest::Ready) => PullRequest::Ready,
            Some(typed::PullRequest::Draft) => PullRequest::Draft,
            Some(typed::PullRequest::None) => PullRequest::None,
        },
    })
}

/// GitHub's own limit for an issue.
const MOST_ASSIGNEES: usize = 10;

fn is_login(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=100).contains(&name.len()) && name.chars().all(plain)
}

fn is_repository(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    name.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

pub(super) fn store(section: &Section<'_>, typed: typed::Store) -> Result<Store, ConfigError> {
    let mirror = remote_name(section, "mirror", typed.mirror)?;
    Ok(Store {
        kind: match typed.kind {
            None | Some(typed::StoreKind::Sqlite) => StoreKind::Sqlite,
        },
        path: section.path("path", typed.path)?,
        mirror,
    })
}
