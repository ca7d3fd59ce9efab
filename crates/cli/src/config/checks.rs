//! The project's checks as configured, and what its commands may see. A check that is written with
//! a slip in it and left out in silence is a gate that stands open.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use worktree::CheckKind;

use super::check::Section;
use super::error::{ConfigError, quoted};
use super::meant::{Check, Checks, Gate};
use super::nearest::nearest;
use super::sections::LIMIT;
use super::typed;
use crate::environment::looks_secret;

/// More of them is a file of something else.
const MOST_CHECKS: usize = 50;

const EXPECTED: &str = "expected `auto` or a list of checks, which may be empty";

pub(super) fn checks(
    section: &Section<'_>,
    typed: Option<typed::Checks>,
) -> Result<Checks, ConfigError> {
    const KEY: &str = "checks";
    let list = match typed {
        None => return Ok(Checks::Auto),
        Some(typed::Checks::List(list)) => list,
        Some(typed::Checks::Word(word)) if word == "auto" => return Ok(Checks::Auto),
        Some(typed::Checks::Word(word)) => {
            let message = match nearest(&word, &["auto"]) {
                Some(near) => {
                    format!("{} is not a choice here, did you mean `{near}`?", quoted(&word))
                }
                None => format!("{} is not a choice here, {EXPECTED}", quoted(&word)),
            };
            return Err(section.wrong(KEY, message));
        }
        Some(typed::Checks::Other) => {
            return Err(section.wrong(KEY, EXPECTED));
        }
    };
    if list.len() > MOST_CHECKS {
        let message = format!("must have at most {MOST_CHECKS} checks, has {}", list.len());
        return Err(section.wrong(KEY, message));
    }
    let mut checks: Vec<Check> = Vec::new();
    for (index, typed) in list.into_iter().enumerate() {
        let entry = section.below(KEY).below(&format!("[{index}]"));
        let check = check(&entry, typed)?;
        if checks.iter().any(|other| other.name == check.name) {
            let message =
                format!("{} is the name of an earlier check already", quoted(&check.name));
            return Err(entry.wrong("name", message));
        }
        checks.push(check);
    }
    Ok(Checks::Given(checks))
}

fn check(entry: &Section<'_>, typed: typed::Check) -> Result<Check, ConfigError> {
    let missing = |key: &str, example: &str| {
        entry.lacking(format!("`{key}` is missing, for example `{example}`"))
    };
    let name = entry.line("name", typed.name)?.ok_or_else(|| missing("name", "lint"))?;
    let command = typed.run.ok_or_else(|| missing("run", "npm run lint"))?.trim().to_owned();
    if command.is_empty() || command.contains('\0') {
        return Err(entry.wrong("run", "must be a command without NUL characters"));
    }
    let timeout =
        typed.timeout.map(|typed::DurationText(text)| entry.duration_text("timeout", &text, LIMIT));
    Ok(Check {
        name: name.trim().to_owned(),
        kind: typed.kind.map_or(CheckKind::Lint, kind),
        command,
        timeout: timeout.transpose()?,
        gate: typed.gate.map(gate),
    })
}

fn kind(typed: typed::CheckKind) -> CheckKind {
    match typed {
        typed::CheckKind::Format => CheckKind::Format,
        typed::CheckKind::Lint => CheckKind::Lint,
        typed::CheckKind::Typecheck => CheckKind::Typecheck,
        typed::CheckKind::Build => CheckKind::Build,
        typed::CheckKind::Test => CheckKind::Test,
    }
}

pub(super) fn gate(typed: typed::Gate) -> Gate {
    match typed {
        typed::Gate::Milestone => Gate::Milestone,
        typed::Gate::End => Gate::End,
    }
}

/// A name that looks like a secret's may be meant: a test server's password is often called that.
pub(super) fn test_env(
    section: &Section<'_>,
    typed: Option<Vec<String>>,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, ConfigError> {
    let names = typed.unwrap_or_default();
    let entries = section.below("test_env");
    for (index, name) in names.iter().enumerate() {
        let key = format!("[{index}]");
        entries.variable(&key, name)?;
        if looks_secret(name) {
            let message =
                format!("{name} looks like a secret, and every command of the project will see it");
            warnings.push(entries.warning(&key, message));
        }
    }
    Ok(names)
}

/// By hand, since a derived choice between a word and a list loses the place of what is wrong
/// inside the list.
impl<'de> Deserialize<'de> for typed::Checks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = typed::Checks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
        Ok(typed::Checks::Word(word.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut checks = Vec::new();
        while let Some(check) = list.next_element::<Option<typed::Check>>()? {
            checks.push(check.unwrap_or_default());
        }
        Ok(typed::Checks::List(checks))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(typed::Checks::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(typed::Checks::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(typed::Checks::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(typed::Checks::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(typed::Checks::Other)
    }
}
