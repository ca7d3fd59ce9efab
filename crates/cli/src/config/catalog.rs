//! The built-in data about well-known providers: where they are, which variable holds their key,
//! which models to ask by default, and facts about these. It is one dated file, so that what
//! grows old stands in one place and can be seen to.

use std::collections::BTreeMap;

use model_providers::{Facts, Kind};
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
    /// None: a server on this machine, which needs no key.
    pub(super) key_variable: Option<String>,
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
        }
    }

    /// Whether it is a server on this machine, which has no key and no price.
    pub(super) fn is_local(&self) -> bool {
        self.key_variable.is_none()
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
    pub(super) fn facts(&self, model: &str) -> Option<Facts> {
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
        for known in catalog.providers.iter().filter(|known| !known.is_local()) {
            for role in Role::ALL {
                assert_eq!(known.chain(role).len(), 3, "{} {role}", known.name);
                for model in known.chain(role) {
                    let facts = known.facts(model);
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
