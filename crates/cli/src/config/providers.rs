//! Providers from typed to meant, with their keys, and those that are found without any config.

use std::collections::BTreeMap;

use model_providers::{Endpoint, Kind, Limits, Program};
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::catalog::{Catalog, Known};
use super::check::Section;
use super::detect::ollama_url;
use super::environment::Environment;
use super::error::{ConfigError, quoted};
use super::meant::Provider;
use super::nearest::suggestion;
use super::programs;
use super::typed::{self, ProviderKind};

/// The providers that the config names.
pub(super) fn configured(
    section: &Section<'_>,
    typed: BTreeMap<String, Option<typed::Provider>>,
    catalog: &Catalog,
    environment: &Environment,
) -> Result<BTreeMap<String, Provider>, ConfigError> {
    let mut providers = BTreeMap::new();
    for (name, typed) in typed {
        let section = section.below(&name);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(section.lacking("a provider's name is letters, digits, `-`, `_` and `.`"));
        }
        let provider = provider(&section, &name, typed.unwrap_or_default(), catalog, environment)?;
        providers.insert(name, provider);
    }
    Ok(providers)
}

fn provider(
    section: &Section<'_>,
    name: &str,
    typed: typed::Provider,
    catalog: &Catalog,
    environment: &Environment,
) -> Result<Provider, ConfigError> {
    let kind = match typed.kind {
        None => {
            let message = "`kind` is missing, expected `openai`, `anthropic` or `command`";
            return Err(section.lacking(message));
        }
        Some(ProviderKind::Command) => {
            return programs::provider(section, name, typed, environment);
        }
        Some(ProviderKind::OpenAi) => Kind::OpenAi,
        Some(ProviderKind::Anthropic) => Kind::Anthropic,
    };
    for (key, is_set) in [
        ("preset", typed.preset.is_some()),
        ("command", typed.command.is_some()),
        ("input", typed.input.is_some()),
        ("output", typed.output.is_some()),
        ("env", typed.env.is_some()),
        ("isolate_home", typed.isolate_home.is_some()),
        ("exits", typed.exits.is_some()),
        ("errors", typed.errors.is_some()),
        ("max_steps", typed.max_steps.is_some()),
        ("mode", typed.mode.is_some()),
    ] {
        if is_set {
            return Err(section.wrong(key, "belongs to kind `command` only"));
        }
    }
    let mut base_url = base_url(section, name, kind, typed.base_url.as_deref(), catalog)?;
    for (name, value) in typed.query.unwrap_or_default() {
        base_url.query_pairs_mut().append_pair(&name, &value);
    }
    if let Some(variable) = &typed.api_key_env {
        section.variable("api_key_env", variable)?;
    }
    Ok(Provider {
        endpoint: Endpoint {
            api_key: typed.api_key_env.as_ref().and_then(|variable| environment.key(variable).ok()),
            headers: headers(&section.below("headers"), typed.headers.unwrap_or_default())?,
            dialect: dialect(section, typed.dialect)?,
            limits: limits(&section.below("limits"), &typed.limits.unwrap_or_default())?,
            ..Endpoint::new(kind, base_url)
        },
        key_variable: typed.api_key_env,
        is_detected: false,
    })
}

/// The written address, else the one of a well-known provider of this name. OpenAI's protocol is
/// spoken by many, so an unknown name must say where it is: a key must not go to OpenAI for want
/// of a line.
fn base_url(
    section: &Section<'_>,
    name: &str,
    kind: Kind,
    typed: Option<&str>,
    catalog: &Catalog,
) -> Result<Url, ConfigError> {
    if let Some(text) = typed {
        return section.url("base_url", text);
    }
    let fitting = |name: &str| catalog.named(name).filter(|known| known.kind() == kind);
    let known = match kind {
        Kind::OpenAi | Kind::Command => fitting(name),
        Kind::Anthropic => fitting(name).or_else(|| fitting("anthropic")),
    };
    known.map(|known| known.base_url.clone()).ok_or_else(|| {
        section.lacking("`base_url` is missing, for example `https://api.example.com/v1`")
    })
}

/// What the server is like, by one of the names that there are.
fn dialect(section: &Section<'_>, typed: Option<String>) -> Result<Option<String>, ConfigError> {
    let names: Vec<&str> = model_providers::dialects().collect();
    match typed {
        Some(name) if !names.contains(&name.as_str()) => {
            let hint = suggestion(&name, &names);
            Err(section.wrong("dialect", format!("{} is no dialect{hint}", quoted(&name))))
        }
        typed => Ok(typed),
    }
}

pub(super) fn limits(section: &Section<'_>, typed: &typed::Limits) -> Result<Limits, ConfigError> {
    let whole = |key, typed: Option<i64>, most| {
        typed.map(|number| section.whole(key, Some(number), 1, 1..=most)).transpose()
    };
    Ok(Limits {
        requests_per_minute: whole("requests_per_minute", typed.requests_per_minute, 1_000_000)?,
        tokens_per_minute: section.optional_whole(
            "tokens_per_minute",
            typed.tokens_per_minute,
            1..=i64::MAX,
        )?,
        concurrency: whole("concurrency", typed.concurrency, 1_000)?,
    })
}

fn headers(
    section: &Section<'_>,
    typed: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    for (name, value) in &typed {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(section.wrong(name, "is no name for a header"));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(section.wrong(name, "has a value that no header can carry"));
        }
    }
    Ok(typed)
}

/// The providers that are there without any config, in the catalog's order.
pub(super) fn detected(catalog: &Catalog, environment: &Environment) -> Vec<(String, Provider)> {
    catalog
        .providers
        .iter()
        .filter(|known| match (&known.key_variable, &known.preset) {
            (Some(variable), _) => environment.key(variable).is_ok(),
            (None, Some(preset)) => is_ready(preset, environment),
            (None, None) => local_models(known, environment).is_some_and(|m| !m.is_empty()),
        })
        .map(|known| (known.name.clone(), well_known(known, environment)))
        .collect()
}

/// Whether a program is there and can be seen to be logged in. Without a login each question would
/// cost a start that fails.
fn is_ready(preset: &str, environment: &Environment) -> bool {
    let program = Program::preset(preset).and_then(|known| known.command.into_iter().next());
    let is_there = program.is_some_and(|program| environment.programs.contains(&program));
    is_there && environment.logins.contains_key(preset)
}

/// A well-known provider as the environment has it: with its key if that is set.
pub(super) fn well_known(known: &Known, environment: &Environment) -> Provider {
    let base_url = match known.name.as_str() {
        "ollama" => ollama_url(&environment.vars).unwrap_or_else(|| known.base_url.clone()),
        _ => known.base_url.clone(),
    };
    let program = known.preset.as_ref();
    let program = program.and_then(|preset| programs::found(preset, &base_url, environment));
    if let Some(endpoint) = program {
        return Provider { endpoint, key_variable: None, is_detected: true };
    }
    Provider {
        endpoint: Endpoint {
            api_key: known
                .key_variable
                .as_ref()
                .and_then(|variable| environment.key(variable).ok()),
            ..Endpoint::new(known.kind(), base_url)
        },
        key_variable: known.key_variable.clone(),
        is_detected: true,
    }
}

/// The models that a server on this machine can be asked for, the most wanted first.
pub(super) fn local_models(known: &Known, environment: &Environment) -> Option<Vec<String>> {
    let names = match known.name.as_str() {
        "ollama" => environment.local.ollama.as_ref(),
        "llama-cpp" => environment.local.llama_cpp.as_ref(),
        _ => None,
    }?;
    let mut names: Vec<String> = names
        .iter()
        .filter(|name| !name.trim().is_empty() && answers_questions(name))
        .cloned()
        .collect();
    let rank = |name: &String| {
        known
            .local_preferences
            .iter()
            .position(|wanted| name.starts_with(wanted.as_str()))
            .unwrap_or(known.local_preferences.len())
    };
    names.sort_by_key(rank);
    Some(names)
}

/// Servers list models for search beside those that write.
fn answers_questions(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !["embed", "rerank", "minilm", "bge-"].iter().any(|part| name.contains(part))
}
