//! Facts about models: those that the config states, those that the built-in data adds, and what
//! follows where neither knows any. A fact that is nowhere stays unknown; it is never zero.

use std::collections::BTreeMap;
use std::time::Duration;

use model_providers::{BudgetLimits, Facts, ModelId};

use super::chains::{Parts, model_id, unknown_provider};
use super::check::Section;
use super::error::ConfigError;
use super::meant::{Provider, Role, Roles};
use super::sections::LIMIT;
use super::typed;

/// The most tokens that a window may be said to have.
const MAX_TOKENS: i64 = 1_000_000_000;

/// The facts that the config states.
pub(super) fn given(
    parts: &Parts<'_>,
    typed: BTreeMap<String, Option<typed::Model>>,
    providers: &BTreeMap<String, Provider>,
) -> Result<BTreeMap<ModelId, Facts>, ConfigError> {
    let all = parts.source.section(&["models"]);
    let mut models = BTreeMap::new();
    for (name, typed) in typed {
        let section = all.below(&name);
        let model = model_id(&name).map_err(|why| section.lacking(why))?;
        let is_known = providers.contains_key(&model.provider)
            || (!parts.is_configured && parts.catalog.named(&model.provider).is_some());
        if !is_known {
            return Err(section.lacking(unknown_provider(parts, &model, providers)));
        }
        models.insert(model, facts(&section, &typed.unwrap_or_default())?);
    }
    Ok(models)
}

fn facts(section: &Section<'_>, typed: &typed::Model) -> Result<Facts, ConfigError> {
    let context_window =
        section.optional_whole("context_window", typed.context_window, 1..=MAX_TOKENS)?;
    let max_output_tokens =
        section.optional_whole("max_output_tokens", typed.max_output_tokens, 1..=MAX_TOKENS)?;
    if let (Some(window), Some(output)) = (context_window, max_output_tokens)
        && output > window
    {
        let message = format!("must be at most context_window, which is {window}");
        return Err(section.wrong("max_output_tokens", message));
    }
    Ok(Facts {
        context_window,
        max_output_tokens,
        usd_per_million_input: section
            .dollars("usd_per_million_input", typed.usd_per_million_input)?,
        usd_per_million_output: section
            .dollars("usd_per_million_output", typed.usd_per_million_output)?,
        timeout: match &typed.timeout {
            None => None,
            given => Some(section.duration("timeout", given.as_ref(), Duration::ZERO, LIMIT)?),
        },
    })
}

/// The models that the config lists for its providers, in the order in which they are written.
/// What stands under `models` for a provider that was only detected are facts, not a choice.
pub(super) fn listed(parts: &Parts<'_>, providers: &BTreeMap<String, Provider>) -> Vec<ModelId> {
    if !parts.is_configured {
        return Vec::new();
    }
    parts
        .source
        .outline
        .keys_below(&["models"])
        .into_iter()
        .filter_map(|name| model_id(name).ok())
        .filter(|model| providers.contains_key(&model.provider))
        .collect()
}

/// The facts about every model of a chain or of the config: what the config says first, then what
/// the built-in data knows of the place that the model is asked at.
pub(super) fn completed(
    parts: &Parts<'_>,
    mut given: BTreeMap<ModelId, Facts>,
    roles: &Roles,
    providers: &BTreeMap<String, Provider>,
) -> BTreeMap<ModelId, Facts> {
    for role in Role::ALL {
        for model in &roles.get(role).chain {
            given.entry(model.clone()).or_default();
        }
    }
    for (model, facts) in &mut given {
        let known = providers.get(&model.provider).and_then(|provider| {
            match parts.catalog.of(&provider.endpoint) {
                None if provider.is_detected => parts.catalog.named(&model.provider),
                known => known,
            }
        });
        if let Some(known) = known.and_then(|known| parts.catalog.facts(known, &model.name)) {
            *facts = Facts {
                context_window: facts.context_window.or(known.context_window),
                max_output_tokens: facts.max_output_tokens.or(known.max_output_tokens),
                usd_per_million_input: facts.usd_per_million_input.or(known.usd_per_million_input),
                usd_per_million_output: facts
                    .usd_per_million_output
                    .or(known.usd_per_million_output),
                timeout: facts.timeout,
            };
        }
    }
    given
}

/// A limit in dollars is worth nothing if a model's price counts as zero because nobody knows it.
/// A program that says afterwards what it cost needs none.
pub(super) fn require_prices(
    section: &Section<'_>,
    budget: &BudgetLimits,
    roles: &Roles,
    models: &BTreeMap<ModelId, Facts>,
    providers: &BTreeMap<String, Provider>,
) -> Result<(), ConfigError> {
    let tells_cost = |model: &ModelId| {
        let program = providers.get(&model.provider).and_then(|one| one.endpoint.program.as_ref());
        program.is_some_and(|program| program.tells_cost())
    };
    let key = match (budget.max_usd, budget.max_usd_per_day) {
        (Some(_), _) => "max_usd",
        (None, Some(_)) => "max_usd_per_day",
        (None, None) => return Ok(()),
    };
    let has_price = |model: &&ModelId| {
        models.get(model).is_some_and(|facts| {
            facts.usd_per_million_input.is_some() && facts.usd_per_million_output.is_some()
        })
    };
    let unpriced = Role::ALL
        .into_iter()
        .flat_map(|role| &roles.get(role).chain)
        .find(|model| !has_price(model) && !tells_cost(model));
    match unpriced {
        None => Ok(()),
        Some(model) => {
            let message = format!(
                "needs the price of every model, and {model} has none: write \
                 usd_per_million_input and usd_per_million_output for it under `models`"
            );
            Err(section.wrong(key, message))
        }
    }
}

/// What to say when a role is left to the template alone though no file asked for that.
pub(super) fn nobody(parts: &Parts<'_>, providers: &BTreeMap<String, Provider>) -> Vec<String> {
    if parts.is_configured {
        let why =
            "no model of it is known: list some under `models`, or write the chains of `roles`";
        let section = parts.source.section(&["providers"]);
        return providers.keys().map(|name| section.warning(name, why)).collect();
    }
    let variables: Vec<&str> =
        parts.catalog.providers.iter().filter_map(|known| known.key_variable.as_deref()).collect();
    let mut text = format!(
        "no model was found, templates alone answer: set one of {}, or start Ollama",
        variables.join(", ")
    );
    if !parts.environment.programs.is_empty() {
        let programs = parts.environment.programs.join(", ");
        text = format!(
            "{text}; or log in to a program that was found ({programs}), whose login cannot be seen"
        );
    }
    vec![text]
}
