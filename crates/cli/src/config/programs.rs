//! Providers of kind `command`: which program, and which of the process's variables it may see.
//! What is not named here stays here: a coding agent is other people's code, and the keys of the
//! other providers are not its concern.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use model_providers::{Class, Endpoint, EventLines, Input, Kind, Output, Program, Works};
use url::Url;

use super::check::Section;
use super::environment::Environment;
use super::error::{ConfigError, quoted};
use super::meant::Provider;
use super::nearest::suggestion;
use super::providers::limits;
use super::typed::{self, ProgramFailure, ProgramInput, ProgramMode, ProgramOutput};
use crate::environment::{EVERYWHERE, PROXIES};

/// What a program needs besides to find its own files and to trust a server: no key among them.
const PASSED_ON: &[&str] = &[
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "CODEX_HOME",
    "CLAUDE_CONFIG_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];
/// The most arguments; more is a file of something else.
const MOST_PARTS: usize = 200;
/// Of a text that stands for a failure: shorter ones stand in any message.
const LEAST_TEXT: usize = 4;
const MOST_TEXT: usize = 200;
/// More steps than this are no bound.
const MOST_STEPS: i64 = 100_000;

pub(super) fn provider(
    section: &Section<'_>,
    name: &str,
    typed: typed::Provider,
    environment: &Environment,
) -> Result<Provider, ConfigError> {
    for (key, is_set) in [
        ("base_url", typed.base_url.is_some()),
        ("headers", typed.headers.is_some()),
        ("query", typed.query.is_some()),
        ("dialect", typed.dialect.is_some()),
    ] {
        if is_set {
            return Err(section.wrong(key, "belongs to a server, not to kind `command`"));
        }
    }
    let mut program = match (&typed.preset, &typed.command) {
        (Some(preset), None) => known(section, preset, &typed)?,
        (None, Some(command)) => own(section, command, &typed)?,
        (Some(_), Some(_)) => {
            return Err(section.wrong("command", "cannot stand beside `preset`"));
        }
        (None, None) => {
            let message = "`preset` or `command` is missing, for example `preset: codex` or `command: [\"./my-agent.sh\", \"{prompt}\"]`";
            return Err(section.lacking(message));
        }
    };
    if let Some(most) = typed.max_steps {
        program.max_steps = Some(section.whole("max_steps", Some(most), 1, 1..=MOST_STEPS)?);
    }
    let names = typed.env.unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        section.below("env").variable(&format!("[{index}]"), name)?;
    }
    if let Some(variable) = &typed.api_key_env {
        section.variable("api_key_env", variable)?;
    }
    // A switch of the preset wins over what stands around.
    let mut env = passed(&environment.vars, &names);
    env.append(&mut program.env);
    program.env = env;
    program.key_variable.clone_from(&typed.api_key_env);
    program.isolate_home = typed.isolate_home.unwrap_or(false);
    match typed.mode {
        Some(ProgramMode::Answer) => program.workspace = None,
        Some(ProgramMode::Workspace) if program.workspace.is_none() => {
            // A command of one's own is started in the same way, only elsewhere.
            let (command, env) = (program.command.clone(), BTreeMap::new());
            program.workspace = Some(Works { command, env });
        }
        Some(ProgramMode::Workspace) | None => {}
    }
    program.folders = folders(environment);
    program.login = program.preset.and_then(|preset| login(preset, environment));
    let place = Url::parse(&format!("command:{name}"));
    let place = place.map_err(|_| section.lacking("has a name that cannot be used"))?;
    Ok(Provider {
        endpoint: Endpoint {
            api_key: typed.api_key_env.as_ref().and_then(|variable| environment.key(variable).ok()),
            program: Some(Arc::new(program)),
            limits: limits(&section.below("limits"), &typed.limits.unwrap_or_default())?,
            ..Endpoint::new(Kind::Command, place)
        },
        key_variable: typed.api_key_env,
        is_detected: false,
    })
}

/// The account of a program, to tell it from another one.
fn login(preset: &str, environment: &Environment) -> Option<String> {
    let login = environment.logins.get(preset)?;
    Some(format!("{} {}", login.kind, login.id.as_deref().unwrap_or_default()))
}

/// A program that was found on this machine, with its own login.
pub(super) fn found(preset: &str, place: &Url, environment: &Environment) -> Option<Endpoint> {
    let mut program = Program::preset(preset)?;
    let mut env = passed(&environment.vars, &[]);
    env.append(&mut program.env);
    program.env = env;
    program.folders = folders(environment);
    program.login = login(preset, environment);
    let endpoint = Endpoint::new(Kind::Command, place.clone());
    Some(Endpoint { program: Some(Arc::new(program)), ..endpoint })
}

fn known(
    section: &Section<'_>,
    preset: &str,
    typed: &typed::Provider,
) -> Result<Program, ConfigError> {
    for (key, is_set) in [
        ("input", typed.input.is_some()),
        ("output", typed.output.is_some()),
        ("exits", typed.exits.is_some()),
        ("errors", typed.errors.is_some()),
    ] {
        if is_set {
            return Err(section.wrong(key, "belongs to `command`; a preset knows its own"));
        }
    }
    Program::preset(preset).ok_or_else(|| {
        let names: Vec<&str> = Program::presets().collect();
        let hint = suggestion(preset, &names);
        section.wrong("preset", format!("{} is no preset{hint}", quoted(preset)))
    })
}

fn own(
    section: &Section<'_>,
    command: &[String],
    typed: &typed::Provider,
) -> Result<Program, ConfigError> {
    if command.first().is_none_or(|first| first.trim().is_empty()) {
        return Err(section.wrong("command", "must begin with a program"));
    }
    if command.len() > MOST_PARTS {
        let message = format!("must have at most {MOST_PARTS} parts, has {}", command.len());
        return Err(section.wrong("command", message));
    }
    if let Some(index) = command.iter().position(|part| part.contains('\0')) {
        return Err(section.wrong_entry("command", index, "must not hold a NUL character"));
    }
    let mut program = Program::new(command.to_vec());
    let input = typed.input.map(|input| match input {
        ProgramInput::Argument => (Input::Argument, "{prompt}"),
        ProgramInput::Stdin => (Input::Stdin, ""),
        ProgramInput::File => (Input::File, "{file}"),
    });
    if let Some((input, place)) = input {
        if !command.iter().skip(1).any(|part| part.contains(place)) && !place.is_empty() {
            let message = format!("needs an argument with `{place}` in `command`");
            return Err(section.wrong("input", message));
        }
        program.input = input;
    }
    program.output = match typed.output {
        Some(ProgramOutput::Events) => Output::Events(EventLines::plain()),
        Some(ProgramOutput::Text) | None => Output::Text,
    };
    if typed.max_steps.is_some() && matches!(program.output, Output::Text) {
        return Err(section.wrong("max_steps", "needs `output: events`, whose lines tell of steps"));
    }
    program.exits = exits(&section.below("exits"), typed.exits.as_ref())?;
    program.errors = errors(&section.below("errors"), typed.errors.as_ref())?;
    Ok(program)
}

fn exits(
    section: &Section<'_>,
    typed: Option<&BTreeMap<String, ProgramFailure>>,
) -> Result<BTreeMap<i32, Class>, ConfigError> {
    let pairs = typed.into_iter().flatten().map(|(key, failure)| {
        let status = key.parse().ok().filter(|status| (1..=255).contains(status));
        let refusal =
            || section.wrong(key, "is no exit status of a failure, which is from 1 to 255");
        Ok((status.ok_or_else(refusal)?, class(*failure)))
    });
    pairs.collect()
}

fn errors(
    section: &Section<'_>,
    typed: Option<&BTreeMap<String, ProgramFailure>>,
) -> Result<BTreeMap<String, Class>, ConfigError> {
    let pairs = typed.into_iter().flatten().map(|(text, failure)| {
        let length = text.trim().chars().count();
        if !(LEAST_TEXT..=MOST_TEXT).contains(&length) || text.chars().any(char::is_control) {
            let message = format!(
                "must be a part of one line, from {LEAST_TEXT} to {MOST_TEXT} characters long"
            );
            return Err(section.wrong(text, message));
        }
        Ok((text.clone(), class(*failure)))
    });
    pairs.collect()
}

fn class(failure: ProgramFailure) -> Class {
    match failure {
        ProgramFailure::Auth => Class::Auth,
        ProgramFailure::RateLimited => Class::RateLimited,
        ProgramFailure::QuotaExhausted => Class::QuotaExhausted,
        ProgramFailure::ContextOverflow => Class::ContextOverflow,
        ProgramFailure::Refused => Class::Refused,
        ProgramFailure::Unavailable => Class::Unavailable,
    }
}

fn passed(vars: &BTreeMap<String, String>, more: &[String]) -> BTreeMap<String, String> {
    let named = |name: &String| {
        let lists = [EVERYWHERE, PROXIES, PASSED_ON];
        lists.iter().any(|list| list.contains(&name.as_str()))
            || name.starts_with("LC_")
            || more.contains(name)
    };
    let vars = vars.iter().filter(|(name, _)| named(name));
    vars.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The system's place for folders that do not last.
fn folders(environment: &Environment) -> PathBuf {
    let given = environment.vars.get("TMPDIR").map(PathBuf::from);
    given.filter(|path| path.is_absolute()).unwrap_or_else(|| PathBuf::from("/tmp"))
}
