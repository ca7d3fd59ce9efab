//! What is known about programs, as one dated data file: flags and field names change with their
//! versions, and code that knows them could not be compared with a new version's lines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;

use super::lines::{Cap, Rule};
use super::{EventLines, Input, Output, Program, Works};
use crate::Class;

const DATA: &str = include_str!("../../data/programs.json");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Programs {
    #[serde(rename = "dated")]
    pub(super) _dated: String,
    #[serde(rename = "note")]
    _note: String,
    lines: BTreeMap<String, Vec<Rule>>,
    steps: BTreeMap<String, Vec<Cap>>,
    presets: Vec<Preset>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    name: String,
    #[serde(rename = "seen")]
    _seen: String,
    command: Vec<String>,
    input: Way,
    long_input: Option<Way>,
    silence_seconds: u64,
    env: BTreeMap<String, String>,
    workspace: Option<Worked>,
    #[serde(default)]
    exits: BTreeMap<i32, Class>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Worked {
    command: Vec<String>,
    env: BTreeMap<String, String>,
}

impl From<&Worked> for Works {
    fn from(worked: &Worked) -> Self {
        Self { command: worked.command.clone(), env: worked.env.clone() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Argument,
    Stdin,
    File,
}

impl From<Way> for Input {
    fn from(way: Way) -> Self {
        match way {
            Way::Argument => Self::Argument,
            Way::Stdin => Self::Stdin,
            Way::File => Self::File,
        }
    }
}

/// The file, or why it cannot be read.
pub(super) fn read() -> Result<Programs, serde_json::Error> {
    serde_json::from_str(DATA)
}

fn all() -> &'static Programs {
    static ALL: OnceLock<Programs> = OnceLock::new();
    // A test holds the file; without it no program would be known.
    ALL.get_or_init(|| read().unwrap_or_default())
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().presets.iter().map(|preset| preset.name.as_str())
}

pub(super) fn lines(name: &str) -> EventLines {
    let all = all();
    let rules = all.lines.get(name).map_or(&[][..], Vec::as_slice);
    EventLines(rules, all.steps.get(name).map_or(&[][..], Vec::as_slice))
}

pub(super) fn named(name: &str) -> Option<Program> {
    let preset = all().presets.iter().find(|preset| preset.name == name)?;
    Some(Program {
        preset: Some(&preset.name),
        command: preset.command.clone(),
        input: preset.input.into(),
        long_input_to_stdin: preset.long_input == Some(Way::Stdin),
        output: Output::Events(lines(name)),
        env: preset.env.clone(),
        key_variable: None,
        isolate_home: false,
        login: None,
        silence: Some(Duration::from_secs(preset.silence_seconds)),
        exits: preset.exits.clone(),
        errors: BTreeMap::new(),
        max_steps: None,
        folders: PathBuf::new(),
        workspace: preset.workspace.as_ref().map(Works::from),
    })
}
