//! Where models are asked, which, and in which order.

use std::collections::BTreeMap;

use model_providers::Program;
use serde_json::{Value, json};

use super::words::{self, time_or};
use super::{List, Origin};
use crate::config::environment::Environment;
use crate::config::typed::{self, Document};
use crate::config::{Config, Provider, Role};

/// Says where Ollama is.
const OLLAMA_HOST: &str = "OLLAMA_HOST";
/// In the place of what may be a secret.
const HIDDEN: &str = "***";

pub(super) fn providers(
    list: &mut List<'_>,
    document: &Document,
    environment: &Environment,
    config: &Config,
) {
    if config.providers.is_empty() {
        list.add(&["providers"], json!({}), Origin::Detected);
    }
    for (name, provider) in &config.providers {
        let typed = document.providers.as_ref().and_then(|all| all.get(name)?.as_ref());
        let shown = Shown { name, provider, otherwise: origin(provider) };
        match &provider.endpoint.program {
            Some(program) => shown.program(list, program, typed),
            None => shown.server(list, typed, environment),
        }
        shown.limits(list);
    }
}

fn origin(provider: &Provider) -> Origin {
    if provider.is_detected { Origin::Detected } else { Origin::Default }
}

/// One provider.
struct Shown<'a> {
    name: &'a str,
    provider: &'a Provider,
    /// Who said what the file does not.
    otherwise: Origin,
}

impl Shown<'_> {
    fn add(&self, list: &mut List<'_>, key: &str, value: Value) {
        list.add(&["providers", self.name, key], value, self.otherwise.clone());
    }

    fn begin(&self, list: &mut List<'_>) {
        self.add(list, "kind", json!(words::kind(self.provider.endpoint.kind)));
    }

    fn key(&self, list: &mut List<'_>) {
        let path = ["providers", self.name, "api_key_env"];
        let is_set = self.provider.endpoint.api_key.is_some();
        let variable = self.provider.key_variable.as_deref();
        let otherwise = if variable.is_some() { self.otherwise.clone() } else { Origin::Default };
        list.variable(&path, variable, is_set, otherwise);
    }

    fn server(
        &self,
        list: &mut List<'_>,
        typed: Option<&typed::Provider>,
        environment: &Environment,
    ) {
        self.begin(list);
        let endpoint = &self.provider.endpoint;
        let mut place = endpoint.base_url.clone();
        // What stands there besides the place may be a key.
        place.set_query(None);
        let _none = place.set_username("");
        let _none = place.set_password(None);
        let host = environment.vars.get(OLLAMA_HOST).is_some_and(|host| !host.trim().is_empty());
        let otherwise = if self.provider.is_detected && self.name == "ollama" && host {
            Origin::Variable(OLLAMA_HOST)
        } else {
            self.otherwise.clone()
        };
        list.add(&["providers", self.name, "base_url"], json!(place), otherwise);
        self.key(list);
        let query = typed.and_then(|typed| typed.query.as_ref());
        let own = [
            ("headers", hidden(&endpoint.headers)),
            ("query", query.map_or_else(|| json!({}), hidden)),
            ("dialect", json!(endpoint.dialect)),
        ];
        for (key, value) in own {
            list.add(&["providers", self.name, key], value, Origin::Default);
        }
    }

    fn program(&self, list: &mut List<'_>, program: &Program, typed: Option<&typed::Provider>) {
        self.begin(list);
        self.add(list, "preset", json!(program.preset));
        let known = if program.preset.is_some() { Origin::BuiltIn } else { Origin::Default };
        let mode = if program.workspace.is_some() { "workspace" } else { "answer" };
        for (key, value) in [
            ("command", json!(program.command)),
            ("input", json!(words::input(program.input))),
            ("output", json!(words::output(&program.output))),
            ("mode", json!(mode)),
        ] {
            list.add(&["providers", self.name, key], value, known.clone());
        }
        self.key(list);
        let env = typed.and_then(|typed| typed.env.clone()).unwrap_or_default();
        let failure = |class: &_| words::failure(*class);
        let exits: BTreeMap<String, &str> =
            program.exits.iter().map(|(exit, class)| (exit.to_string(), failure(class))).collect();
        let errors: BTreeMap<&str, &str> =
            program.errors.iter().map(|(text, class)| (text.as_str(), failure(class))).collect();
        let own = [
            ("env", json!(env)),
            ("isolate_home", json!(program.isolate_home)),
            ("exits", json!(exits)),
            ("errors", json!(errors)),
            ("max_steps", json!(program.max_steps)),
        ];
        for (key, value) in own {
            list.add(&["providers", self.name, key], value, Origin::Default);
        }
    }

    fn limits(&self, list: &mut List<'_>) {
        let limits = &self.provider.endpoint.limits;
        for (key, value) in [
            ("requests_per_minute", json!(limits.requests_per_minute)),
            ("tokens_per_minute", json!(limits.tokens_per_minute)),
            ("concurrency", json!(limits.concurrency)),
        ] {
            list.add(&["providers", self.name, "limits", key], value, Origin::Default);
        }
    }
}

/// The names without their values.
fn hidden(pairs: &BTreeMap<String, String>) -> Value {
    pairs.keys().map(|name| (name.clone(), json!(HIDDEN))).collect::<serde_json::Map<_, _>>().into()
}

/// Each model of a chain or of the file. What nobody knows of it is `null`.
pub(super) fn models(list: &mut List<'_>, config: &Config) {
    for (model, facts) in &config.models {
        let name = model.to_string();
        for (key, value) in [
            ("context_window", json!(facts.context_window)),
            ("max_output_tokens", json!(facts.max_output_tokens)),
            ("usd_per_million_input", json!(facts.usd_per_million_input)),
            ("usd_per_million_output", json!(facts.usd_per_million_output)),
            ("timeout", time_or(facts.timeout, Value::Null)),
        ] {
            let otherwise = if value.is_null() { Origin::Default } else { Origin::BuiltIn };
            list.add(&["models", &name, key], value, otherwise);
        }
    }
}

/// The chains as they are asked: a model whose key is not set is in none of them.
pub(super) fn roles(list: &mut List<'_>, config: &Config) {
    for role in Role::ALL {
        let chain = config.chain(role);
        let found = chain.iter().filter_map(|model| config.providers.get(&model.provider));
        let mut found = found.map(origin);
        let otherwise = found.find(|who| *who == Origin::Detected).unwrap_or(Origin::Default);
        let names: Vec<String> = chain.iter().map(ToString::to_string).collect();
        list.add(&["roles", role.name(), "chain"], json!(names), otherwise);
        let timeout = words::time(config.role_timeout(role));
        list.add(&["roles", role.name(), "timeout"], timeout, Origin::Default);
    }
}
