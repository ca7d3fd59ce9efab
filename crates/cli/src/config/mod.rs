//! `belay.yaml`, read once: as typed (unknown keys refused), then as meant (defaults filled in,
//! values checked, chains resolved), then handed down as each crate's own small settings. A key
//! with a slip in it that is quietly ignored costs somebody an evening; here it is a line that
//! names the file, the place and the right word.
//!
//! Nothing in here reads a file, the environment or the network, except [`probe_local`]; what was
//! found around the process comes in as an [`Environment`].

mod catalog;
mod chains;
mod check;
mod checks;
mod detect;
pub(crate) mod duration;
mod environment;
mod error;
mod lookup;
pub(crate) mod meant;
mod models;
mod nearest;
mod outline;
mod programs;
mod providers;
mod sections;
mod shown;
#[cfg(test)]
mod tests;
mod typed;
mod yaml;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use self::detect::probe_local;
pub(crate) use self::environment::{Environment, LocalServers, Login};
pub(crate) use self::error::ConfigError;
pub(crate) use self::meant::{
    Check, Checks, Choice, Config, Confine, Gate, ProjectCommand, Provider, PullRequest, Role,
    Update,
};
pub(crate) use self::sections::{bad_branch, is_remote_name};
pub(crate) use self::shown::{Setting, flow};

use self::catalog::Catalog;
use self::chains::Parts;
use self::check::Source;
use self::outline::Outline;
use self::typed::Document;

/// A config that can be used, and what its owner should know all the same.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The config as meant.
    pub(crate) config: Config,
    /// One line each; they begin with file, line and key where they are about one.
    pub(crate) warnings: Vec<String>,
    /// No providers are configured, so servers on this machine count too: a caller that has not
    /// looked for them may do so with [`probe_local`] and load again.
    pub(crate) wants_local_servers: bool,
}

/// Reads a config: `text` is the file's name for messages and its content, or none if there is no
/// file, which is as good as an empty one. It never panics and touches nothing outside.
pub(crate) fn load(
    text: Option<(&str, &str)>,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let (document, outline) = match text {
        Some((file, text)) => yaml::read(file, text)?,
        None => (Document::default(), Outline::default()),
    };
    let source = Source { file: text.map(|(file, _)| file), outline: &outline };
    resolve(document, &source, environment)
}

impl Config {
    /// The JSON Schema of the config as typed, for editors.
    pub(crate) fn json_schema() -> Value {
        schemars::schema_for!(Document).to_value()
    }
}

/// Every setting of a config that was loaded from this text, and where each came from.
pub(crate) fn settings(
    text: Option<(&str, &str)>,
    environment: &Environment,
    config: &Config,
) -> Result<Vec<Setting>, ConfigError> {
    let (document, outline) = match text {
        Some((file, text)) => yaml::read(file, text)?,
        None => (Document::default(), Outline::default()),
    };
    let source = Source { file: text.map(|(file, _)| file), outline: &outline };
    Ok(shown::settings(&source, &document, environment, config))
}

fn resolve(
    document: Document,
    source: &Source<'_>,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let catalog = Catalog::built_in()?;
    let section = |name: &str| source.section(&[name]);
    let mut warnings = Vec::new();

    let failover = document.failover.unwrap_or_default();
    let max_response_bytes =
        sections::max_response_bytes(&section("failover"), failover.max_response_bytes)?;
    let failover = sections::failover(&section("failover"), failover)?;
    let budget = sections::budget(&section("budget"), &document.budget.unwrap_or_default())?;
    let is_configured = document.providers.is_some();
    let (order, mut providers) = providers_of(document.providers, source, &catalog, environment)?;
    let mut parts = Parts {
        source,
        catalog: &catalog,
        environment,
        order,
        is_configured,
        listed: Vec::new(),
        most: failover.max_models,
    };
    let facts = models::given(&parts, document.models.unwrap_or_default(), &providers)?;
    parts.listed = models::listed(&parts, &providers);
    let roles = document.roles.unwrap_or_default();
    let roles = chains::resolve(&parts, roles, &mut providers, &mut warnings)?;
    let models = models::completed(&parts, facts, &roles, &providers);
    models::require_prices(&section("budget"), &budget, &roles, &models, &providers)?;

    let config = Config {
        providers,
        models,
        roles,
        failover,
        max_response_bytes,
        circuit_breaker: sections::circuit_breaker(
            &section("circuit_breaker"),
            &document.circuit_breaker.unwrap_or_default(),
        )?,
        degradation: sections::degradation(
            &section("degradation"),
            document.degradation.unwrap_or_default(),
        )?,
        partial_success: sections::partial_success(
            &section("partial_success"),
            &document.partial_success.unwrap_or_default(),
        )?,
        agents: sections::agents(&document.agents.unwrap_or_default()),
        run: sections::run(&section("run"), document.run.unwrap_or_default(), &mut warnings)?,
        budget,
        commit: sections::commit(&section("commit"), document.commit.unwrap_or_default())?,
        context: sections::context(&section("context"), document.context.unwrap_or_default())?,
        guard: sections::guard(&section("guard"), document.guard.unwrap_or_default())?,
        github: sections::github(&section("github"), document.github.unwrap_or_default())?,
        store: sections::store(&section("store"), document.store.unwrap_or_default())?,
    };
    Ok(Loaded { config, warnings, wants_local_servers: !is_configured })
}

/// The providers, and their names in the order in which they take turns in a chain.
fn providers_of(
    typed: Option<BTreeMap<String, Option<typed::Provider>>>,
    source: &Source<'_>,
    catalog: &Catalog,
    environment: &Environment,
) -> Result<(Vec<String>, BTreeMap<String, Provider>), ConfigError> {
    let Some(typed) = typed else {
        let detected = providers::detected(catalog, environment);
        let order = detected.iter().map(|(name, _)| name.clone()).collect();
        return Ok((order, detected.into_iter().collect()));
    };
    let section = source.section(&["providers"]);
    let configured = providers::configured(&section, typed, catalog, environment)?;
    let written = source.outline.keys_below(&["providers"]);
    Ok((written.into_iter().map(str::to_owned).collect(), configured))
}
