//! The built-in data about well-known providers: where they are, which variable holds their key,
//! which models to ask by default, and facts about these. It is one dated file, so that what
//! grows old stands in one place and can be seen to.

use std::collections::BTreeMap;

use model_providers::{Endpoint, Facts, Kind};
use serde::Deserialize;
use url::Url;

use super::error::ConfigError;
use super::meant::Role;

const DATA: &str = include_str!("../../data/providers.json");

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalog {
    /// The day on which the facts were true.
    #[serde(rename = "dated")]
    _dated: String,
    /// For readers of the file.
    #[serde(rename = "note")]
    _note: String,
    /// In the order in which detected ones take turns in a chain.
    pub(super) providers: Vec<Known>,
}

/// One well-known provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    pub(super) name: String,
    kind: KnownKind,
    pub(super) base_url: Url,
    /// None: a server or program on this machine, which needs no key.
    pub(super) key_variable: Option<String>,
    /// A coding-agent program, by its preset.
    pub(super) preset: Option<String>,
    /// The provider whose models it asks. Where a program asks those of many, its models begin
    /// with the provider's name.
    models_of: Option<String>,
    #[serde(default)]
    chains: Chains,
    #[serde(default)]
    models: BTreeMap<String, KnownFacts>,
    /// Beginnings of model names, the most wanted first.
    #[serde(default)]
    pub(super) local_preferences: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KnownKind {
    #[serde(rename = "openai")]
    OpenAi,
    Anthropic,
    Command,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chains {
    planner: Vec<String>,
    coder: Vec<String>,
    reviewer: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFacts {
    context_window: u64,
    max_output_tokens: u64,
    usd_per_million_input: f64,
    usd_per_million_output: f64,
}

impl Catalog {
    /// The data built into this binary.
    pub(super) fn built_in() -> Result<Self, ConfigError> {
        serde_json::from_str(DATA).map_err(|error| ConfigError {
            file: None,
            place: None,
            key: String::new(),
            message: format!("the built-in data about providers cannot be read: {error}"),
        })
    }

    /// A provider by its name in the data.
    pub(super) fn named(&self, name: &str) -> Option<&Known> {
        self.providers.iter().find(|known| known.name == name)
    }

    /// A provider by where it is, whatever a config calls it.
    pub(super) fn at(&self, kind: Kind, base_url: &Url) -> Option<&Known> {
        self.providers
            .iter()
            .find(|known| known.kind() == kind && plain(&known.base_url) == plain(base_url))
    }

    /// The provider that an endpoint is, by where it is or which program.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<&Known> {
        let Some(program) = &endpoint.program else {
            return self.at(endpoint.kind, &endpoint.base_url);
        };
        self.providers
            .iter()
            .find(|known| program.preset.is_some() && known.preset.as_deref() == program.preset)
    }

    /// What is known about a model of one of these.
    pub(super) fn facts(&self, known: &Known, model: &str) -> Option<Facts> {
        match (&known.preset, &known.models_of) {
            (None, _) => known.facts(model),
            (Some(_), Some(name)) => self.named(name)?.facts(model),
            (Some(_), None) => {
                let (name, model) = model.split_once('/')?;
                self.named(name)?.facts(model)
            }
        }
    }

    /// The models of a program for a role, in order: its own, or those of the providers that its
    /// login is for, each giving one in turn.
    pub(super) fn asked_by_program(
        &self,
        known: &Known,
        role: Role,
        sources: &[String],
    ) -> Vec<String> {
        let own = known.chain(role);
        if let Some(of) = known.models_of.as_ref().and_then(|name| self.named(name)) {
            let names = if own.is_empty() { of.chain(role) } else { own };
            return names.to_vec();
        }
        let known = sources.iter().filter_map(|source| self.named(source));
        let known: Vec<&Known> = known.filter(|known| known.key_variable.is_some()).collect();
        let longest = known.iter().map(|known| known.chain(role).len()).max().unwrap_or_default();
        let turns = (0..longest).flat_map(|turn| {
            let one =
                |known: &&Known| Some(format!("{}/{}", known.name, known.chain(role).get(turn)?));
            known.iter().filter_map(one).collect::<Vec<_>>()
        });
        turns.collect()
    }

    /// All names, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        self.providers.iter().map(|known| known.name.as_str()).collect()
    }
}

impl Known {
    /// What it speaks.
    pub(super) fn kind(&self) -> Kind {
        match self.kind {
            KnownKind::OpenAi => Kind::OpenAi,
            KnownKind::Anthropic => Kind::Anthropic,
            KnownKind::Command => Kind::Command,
        }
    }

    /// Whether it is a server on this machine, which has no key and no price.
    pub(super) fn is_local(&self) -> bool {
        self.key_variable.is_none() && self.preset.is_none()
    }

    /// The names of its models for a role, in order.
    pub(super) fn chain(&self, role: Role) -> &[String] {
        match role {
            Role::Planner => &self.chains.planner,
            Role::Coder => &self.chains.coder,
            Role::Reviewer => &self.chains.reviewer,
        }
    }

    /// What is known about one of its models.
    fn facts(&self, model: &str) -> Option<Facts> {
        if self.is_local() {
            return Some(Facts {
                usd_per_million_input: Some(0.0),
                usd_per_million_output: Some(0.0),
                ..Facts::default()
            });
        }
        self.models.get(model).map(|known| Facts {
            context_window: Some(known.context_window),
            max_output_tokens: Some(known.max_output_tokens),
            usd_per_million_input: Some(known.usd_per_million_input),
            usd_per_million_output: Some(known.usd_per_million_output),
            timeout: None,
        })
    }
}

/// An address without what makes no difference: a query, a slash at the end, and the `/v1` that Anthropic's
/// is written with or without.
fn plain(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    let text = url.as_str().trim_end_matches('/');
    match url.host_str() {
        Some("api.anthropic.com") => text.trim_end_matches("/v1").to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_model_has_facts() {
        let catalog = Catalog::built_in().unwrap();
        let sources = ["anthropic".to_owned(), "of-tomorrow".to_owned()];
        for known in catalog.providers.iter().filter(|known| !known.is_local()) {
            for role in Role::ALL {
                let chain = match known.preset {
                    Some(_) => catalog.asked_by_program(known, role, &sources),
                    None => known.chain(role).to_vec(),
                };
                assert_eq!(chain.len(), 3, "{} {role}", known.name);
                for model in &chain {
                    let facts = catalog.facts(known, model);
                    assert!(facts.is_some(), "{} lacks facts about {model}", known.name);
                }
            }
        }
    }

    #[test]
    fn is_dated() {
        let catalog = Catalog::built_in().unwrap();
        assert!(catalog._dated.parse::<jiff::civil::Date>().is_ok());
    }

    #[test]
    fn an_address_is_known_with_and_without_its_last_slash() {
        let catalog = Catalog::built_in().unwrap();
        for (kind, text, name) in [
            (Kind::OpenAi, "https://api.openai.com/v1/", Some("openai")),
            (Kind::Anthropic, "https://api.anthropic.com/v1", Some("anthropic")),
            (Kind::OpenAi, "https://api.anthropic.com/v1", None),
            (Kind::OpenAi, "https://api.openai.com/v2", None),
        ] {
            let found = catalog.at(kind, &text.parse().unwrap());
            assert_eq!(found.map(|known| known.name.as_str()), name, "{text}");
        }
    }
}
