//! From text to the typed form and its outline, and the parser's complaints in plain words.
//! The text is read twice: first for its shape, so that a broken bracket is reported as one and
//! not as a wrong type, then for its values.

use serde_yaml::{DuplicateKeyPolicy, Error, NonFiniteFloatPolicy, Options};

use super::error::{ConfigError, quoted};
use super::nearest::suggestion;
use super::outline::{Node, Outline, dotted, place_of};
use super::typed::Document;

/// A config is written by hand; what is larger was given by mistake.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The typed form and the places of its keys. A text that says nothing is the empty form.
pub(super) fn read(file: &str, text: &str) -> Result<(Document, Outline), ConfigError> {
    if text.len() > MAX_BYTES {
        let message =
            format!("the file has more than the {MAX_BYTES} bytes that a config may have");
        return Err(whole_file(file, message));
    }
    let shape: Node =
        serde_yaml::from_str_with_options(text, options(DuplicateKeyPolicy::PassThrough))
            .map_err(|error| explained(file, &error, None))?;
    let outline = Outline::of(&shape);
    if outline.is_blank {
        return Ok((Document::default(), outline));
    }
    let document = serde_yaml::from_str_with_options(text, options(DuplicateKeyPolicy::Error))
        .map_err(|error| explained(file, &error, Some(&outline)))?;
    Ok((document, outline))
}

fn whole_file(file: &str, message: String) -> ConfigError {
    ConfigError { file: Some(file.to_owned()), place: None, key: String::new(), message }
}

/// Bounds far above any config written by hand and far below what a nest of aliases asks for.
fn options(duplicate_keys: DuplicateKeyPolicy) -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: 16,
            max_nodes: 20_000,
            max_events: 80_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
            max_alias_expansions_per_anchor: 1_000,
        },
        duplicate_keys: duplicate_keys,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn explained(file: &str, error: &Error, outline: Option<&Outline>) -> ConfigError {
    let place = error.location().map(place_of).filter(|place| place.line > 0);
    let error = innermost(error);
    let path = match (place, outline) {
        (Some(place), Some(outline)) if is_about_a_key(error) => outline.key_at(place),
        (Some(place), Some(outline)) => outline.value_at(place),
        _ => None,
    };
    let message = words(error);
    ConfigError {
        file: Some(file.to_owned()),
        place,
        key: path.map(dotted).unwrap_or_default(),
        message,
    }
}

/// The library wraps what went wrong inside an alias.
fn innermost(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => innermost(error),
        other => other,
    }
}

/// For what only an attack or an accident writes.
const BEYOND: &str = "this is nested or repeated far beyond any config";

fn is_about_a_key(error: &Error) -> bool {
    matches!(error, Error::SerdeUnknownField { .. } | Error::DuplicateMappingKey { .. })
}

fn words(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("unknown key{}", suggestion(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("{} is not a choice here{}", quoted(variant), suggestion(variant, expected))
        }
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => "must be one word".to_owned(),
        Error::DuplicateMappingKey { .. } => "this key is written twice".to_owned(),
        Error::InvalidScalar { ty, .. } => must_be(ty),
        Error::InvalidBooleanStrict { .. } => "must be true or false".to_owned(),
        Error::Unexpected { expected, .. } => must_be(expected),
        Error::NullIntoString { .. } => "must be text, but is empty or null".to_owned(),
        Error::TaggedScalarCannotDeserializeIntoString { .. } => "must be text".to_owned(),
        Error::MultipleDocuments { .. } => {
            "a second document begins here; a config is one document".to_owned()
        }
        Error::UnknownAnchor { .. } => "this alias names an anchor that does not exist".to_owned(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => BEYOND.to_owned(),
        other => match bare(other) {
            text if text.contains("recursion limit") => BEYOND.to_owned(),
            text => format!("this is not YAML: {text}"),
        },
    }
}

fn must_be(expected: &str) -> String {
    let what = match expected {
        "i64" => "a whole number",
        "floating point" | "f64" => "a number",
        "string scalar" => "one value, not a list or a mapping",
        "mapping start" => "a mapping of keys to values",
        "sequence start" => "a list",
        other => other,
    };
    format!("must be {what}")
}

/// The library's sentence without its own mention of the place.
fn bare(error: &Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).to_owned()
}
