//! Every setting as it is meant now, and where it came from: the file, a variable, what was found
//! around the process, the built-in data, or nobody. A person who asks why belay does what it does
//! should not have to know which of these wins.
//!
//! Of a secret only the name of its variable is shown, and whether it holds one.

mod places;
mod sections;
mod words;
mod yaml;

use serde_json::{Value, json};

use super::Config;
use super::check::Source;
use super::environment::Environment;
use super::outline::dotted;
use super::typed::Document;

pub(crate) use self::yaml::flow;

/// One key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// Dotted from the top, as messages about the config have it.
    pub(crate) key: String,
    /// As a person would write it; `null` where nothing is said.
    pub(crate) value: Value,
    /// Who said it.
    pub(crate) origin: Origin,
    /// For the name of a variable that holds a key: whether it does.
    pub(crate) is_set: Option<bool>,
}

/// Who said what a setting is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the config file.
    Line { file: String, line: u64 },
    /// An environment variable.
    Variable(&'static str),
    /// It was found around the process.
    Detected,
    /// The dated data about models.
    BuiltIn,
    /// Nobody.
    Default,
}

impl Origin {
    /// For people and scripts.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Line { file, line } => format!("{file}:{line}"),
            Self::Variable(name) => (*name).to_owned(),
            Self::Detected => "detected".to_owned(),
            Self::BuiltIn => "built-in".to_owned(),
            Self::Default => "default".to_owned(),
        }
    }
}

/// All of them: providers, models and roles first, then the sections in the order of the schema.
pub(super) fn settings(
    source: &Source<'_>,
    document: &Document,
    environment: &Environment,
    config: &Config,
) -> Vec<Setting> {
    let mut list = List { source, settings: Vec::new() };
    places::providers(&mut list, document, environment, config);
    places::models(&mut list, config);
    places::roles(&mut list, config);
    sections::all(&mut list, environment, config);
    list.settings
}

/// The settings so far, and the text that says where the next one may stand.
struct List<'a> {
    source: &'a Source<'a>,
    settings: Vec<Setting>,
}

impl List<'_> {
    /// A key: from its line, if it is written, else from whoever is named here.
    fn add(&mut self, path: &[&str], value: Value, otherwise: Origin) {
        let place = self.source.outline.said_at(path);
        let origin = match (self.source.file, place) {
            (Some(file), Some(place)) => Origin::Line { file: file.to_owned(), line: place.line },
            _ => otherwise,
        };
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.settings.push(Setting { key: dotted(&path), value, origin, is_set: None });
    }

    /// The name of a variable, and whether a key is in it.
    fn variable(&mut self, path: &[&str], name: Option<&str>, is_set: bool, otherwise: Origin) {
        self.add(path, json!(name), otherwise);
        if let Some(last) = self.settings.last_mut() {
            last.is_set = name.map(|_| is_set);
        }
    }

    /// The keys of a section, each with its default where the file does not say it.
    fn section<const N: usize>(&mut self, name: &str, keys: [(&str, Value); N]) {
        for (key, value) in keys {
            self.add(&[name, key], value, Origin::Default);
        }
    }
}
