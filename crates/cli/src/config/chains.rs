//! Which models each role asks, in which order. What stands in the config is taken as it stands;
//! what does not is made from the models that are known, so that a fallback is of another
//! credential where there is one. Models whose key is not set are left out, aloud.

use std::collections::{BTreeMap, BTreeSet};

use model_providers::ModelId;

use super::catalog::Catalog;
use super::check::{Section, Source};
use super::environment::Environment;
use super::error::{ConfigError, quoted};
use super::meant::{Provider, Role, Roles};
use super::models;
use super::nearest::suggestion;
use super::providers::{local_models, well_known};
use super::sections::LIMIT;
use super::typed;

/// What chains are made from.
pub(super) struct Parts<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) catalog: &'a Catalog,
    pub(super) environment: &'a Environment,
    /// The names of the providers, in the order in which they take turns.
    pub(super) order: Vec<String>,
    /// Whether the config names its providers itself.
    pub(super) is_configured: bool,
    /// The models that the config lists, in the order in which they are written.
    pub(super) listed: Vec<ModelId>,
    /// The most models of a chain that the config does not write out.
    pub(super) most: usize,
}

/// The chains of all roles. A well-known provider that a chain names though no key of it was
/// found is added to `providers`, so that its key can be asked for by name.
pub(super) fn resolve(
    parts: &Parts<'_>,
    typed: typed::Roles,
    providers: &mut BTreeMap<String, Provider>,
    warnings: &mut Vec<String>,
) -> Result<Roles, ConfigError> {
    let mut roles = Roles::default();
    let mut left_out: BTreeMap<String, BTreeSet<ModelId>> = BTreeMap::new();
    let mut is_anybody_missing = false;
    let typed = [typed.planner, typed.coder, typed.reviewer];
    for (role, typed) in Role::ALL.into_iter().zip(typed) {
        let typed = typed.unwrap_or_default();
        let section = parts.source.section(&["roles", role.name()]);
        let default = roles.get(role).timeout;
        let wanted = match typed.chain {
            Some(names) => written(parts, &section, &names, providers, warnings)?,
            None => Wanted { models: made(parts, role, providers), is_written: false },
        };
        is_anybody_missing |= !wanted.is_written && wanted.models.is_empty();
        let resolved = roles.get_mut(role);
        resolved.timeout = section.duration("timeout", typed.timeout.as_ref(), default, LIMIT)?;
        let is_written = wanted.is_written;
        (resolved.chain, resolved.left_out) = usable(parts, role, wanted, providers)?;
        for model in &resolved.left_out {
            left_out.entry(model.provider.clone()).or_default().insert(model.clone());
        }
        if is_written && resolved.chain.len() > parts.most {
            let why = format!(
                "of these models one request asks at most {}, as failover.max_models says",
                parts.most
            );
            warnings.push(section.warning("chain", why));
        }
    }
    warnings.extend(missing_keys(parts, providers, &left_out));
    if is_anybody_missing {
        warnings.extend(models::nobody(parts, providers));
    }
    Ok(roles)
}

/// A chain before it is known which keys are set.
struct Wanted {
    models: Vec<ModelId>,
    is_written: bool,
}

fn written(
    parts: &Parts<'_>,
    section: &Section<'_>,
    names: &[String],
    providers: &mut BTreeMap<String, Provider>,
    warnings: &mut Vec<String>,
) -> Result<Wanted, ConfigError> {
    let mut models = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let model = model_id(name).map_err(|why| section.wrong_entry("chain", index, why))?;
        if !providers.contains_key(&model.provider) {
            let added =
                if parts.is_configured { None } else { parts.catalog.named(&model.provider) };
            let Some(known) = added else {
                let why = unknown_provider(parts, &model, providers);
                return Err(section.wrong_entry("chain", index, why));
            };
            providers.insert(model.provider.clone(), well_known(known, parts.environment));
        }
        if models.contains(&model) {
            let why = format!("{model} stands in this chain already and is asked once");
            warnings.push(section.wrong_entry("chain", index, why).to_string());
        } else {
            models.push(model);
        }
    }
    Ok(Wanted { models, is_written: true })
}

/// A model's name from the config, or what is wrong with it.
pub(super) fn model_id(text: &str) -> Result<ModelId, String> {
    let is_plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    match text.parse::<ModelId>() {
        Ok(model) if is_plain => Ok(model),
        _ => Err(format!(
            "{} is not a model; write provider/name, as in `openai/gpt-5.4`",
            quoted(text)
        )),
    }
}

/// The sentence about a provider that does not exist.
pub(super) fn unknown_provider(
    parts: &Parts<'_>,
    model: &ModelId,
    providers: &BTreeMap<String, Provider>,
) -> String {
    let words: Vec<&str> = if parts.is_configured {
        providers.keys().map(String::as_str).collect()
    } else {
        parts.catalog.names()
    };
    let hint = suggestion(&model.provider, &words);
    format!("{} is an unknown provider{hint}", quoted(&model.provider))
}

/// A chain that the config does not write out: the models that it lists, in its order, then those
/// known of the providers of which it lists none, each provider giving one in turn.
fn made(parts: &Parts<'_>, role: Role, providers: &BTreeMap<String, Provider>) -> Vec<ModelId> {
    let mut chain = parts.listed.clone();
    let own: Vec<Vec<ModelId>> = parts
        .order
        .iter()
        .filter(|name| !parts.listed.iter().any(|model| &model.provider == *name))
        .map(|name| known_models(parts, role, name, providers))
        .collect();
    let longest = own.iter().map(Vec::len).max().unwrap_or(0);
    for turn in 0..longest {
        chain.extend(own.iter().filter_map(|models| models.get(turn)).cloned());
    }
    chain
}

fn known_models(
    parts: &Parts<'_>,
    role: Role,
    name: &str,
    providers: &BTreeMap<String, Provider>,
) -> Vec<ModelId> {
    let Some(provider) = providers.get(name) else {
        return Vec::new();
    };
    let known = if parts.is_configured {
        parts.catalog.of(&provider.endpoint)
    } else {
        parts.catalog.named(name)
    };
    let models = known.map(|known| match (&known.preset, local_models(known, parts.environment)) {
        (Some(preset), _) => {
            let login = parts.environment.logins.get(preset);
            let sources = login.map_or(&[][..], |login| &login.sources);
            parts.catalog.asked_by_program(known, role, sources)
        }
        (None, Some(models)) => models,
        (None, None) => known.chain(role).to_vec(),
    });
    models
        .unwrap_or_default()
        .into_iter()
        .map(|model| ModelId { provider: name.to_owned(), name: model })
        .collect()
}

/// The models of a chain that can be asked, and those that lack their key. A chain of which none is left is an error: somebody
/// wanted models, and a run that quietly went on without them would look like it had them.
fn usable(
    parts: &Parts<'_>,
    role: Role,
    wanted: Wanted,
    providers: &BTreeMap<String, Provider>,
) -> Result<(Vec<ModelId>, Vec<ModelId>), ConfigError> {
    let is_usable =
        |model: &ModelId| providers.get(&model.provider).is_some_and(Provider::is_usable);
    let (mut chain, unusable): (Vec<_>, Vec<_>) = wanted.models.into_iter().partition(is_usable);
    if chain.is_empty()
        && let Some(first) = unusable.first()
    {
        let why =
            format!("no model is left for the {role}: {}", absent(parts, providers, &unusable));
        return Err(if wanted.is_written {
            parts.source.section(&["roles", role.name()]).wrong("chain", why)
        } else {
            parts.source.section(&["providers", &first.provider]).wrong("api_key_env", why)
        });
    }
    if !wanted.is_written {
        chain.truncate(parts.most);
    }
    Ok((chain, unusable))
}

/// `A_KEY is not set, B_KEY is empty`.
fn absent(parts: &Parts<'_>, providers: &BTreeMap<String, Provider>, models: &[ModelId]) -> String {
    let reasons: BTreeSet<String> = models
        .iter()
        .filter_map(|model| providers.get(&model.provider))
        .filter_map(|provider| reason(parts, provider))
        .collect();
    reasons.into_iter().collect::<Vec<_>>().join(", ")
}

fn reason(parts: &Parts<'_>, provider: &Provider) -> Option<String> {
    let variable = provider.key_variable.as_ref()?;
    let why = parts.environment.key(variable).err()?;
    Some(format!("{variable} {why}"))
}

/// One warning for each provider whose key is not set, with the models that this costs.
fn missing_keys(
    parts: &Parts<'_>,
    providers: &BTreeMap<String, Provider>,
    left_out: &BTreeMap<String, BTreeSet<ModelId>>,
) -> Vec<String> {
    providers
        .iter()
        .filter_map(|(name, provider)| {
            let mut text = reason(parts, provider)?;
            if let Some(models) = left_out.get(name) {
                let models: Vec<String> = models.iter().map(ModelId::to_string).collect();
                text = format!("{text}, so no chain has {}", models.join(", "));
            }
            Some(if parts.is_configured {
                parts.source.section(&["providers", name]).warning("api_key_env", text)
            } else {
                parts.source.section(&["roles"]).lacking(text).to_string()
            })
        })
        .collect()
}
