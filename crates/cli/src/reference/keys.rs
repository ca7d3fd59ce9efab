//! Every key of the config, and the shape of every JSON schema that the page shows.

use serde_json::Value;

use super::{row, table};
use crate::config::Config;

const HEAD: &str = "\
## Config keys

Of `belay.yaml`; `belay init --schema` prints them as a JSON Schema, and
`belay config show` what each is now. NAME is a name of your choice, a duration is written as in
`1m30s`, and `null` is the same as leaving a key out.
";

pub(super) fn part() -> String {
    let schema = Config::json_schema();
    let mut text = HEAD.to_owned();
    for (section, below) in schema["properties"].as_object().into_iter().flatten() {
        text.push_str(&format!("\n### {section}\n\n{}\n\n", line(&below["description"])));
        text.push_str(&table(&["key", "takes", "meaning"]));
        rows(&schema, below, "", &mut text);
    }
    text
}

/// A row for each key below a part of a schema.
pub(super) fn rows(root: &Value, part: &Value, at: &str, text: &mut String) {
    let part = resolved(root, part);
    let join = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    for (key, below) in part["properties"].as_object().into_iter().flatten() {
        let path = join(key);
        let inner = resolved(root, below);
        let items = resolved(root, &inner["items"]);
        text.push_str(&row(&[
            &format!("`{path}`"),
            &takes(root, below),
            &line(&below["description"]),
        ]));
        if items["properties"].is_object() {
            rows(root, items, &format!("{path}[]"), text);
        } else {
            rows(root, inner, &path, text);
        }
    }
    let named = resolved(root, &part["additionalProperties"]);
    if named["properties"].is_object() {
        rows(root, named, &join("NAME"), text);
    }
    // One way of several may be a list of mappings.
    for way in part["anyOf"].as_array().into_iter().flatten() {
        let items = resolved(root, &way["items"]);
        if items["properties"].is_object() {
            rows(root, items, &format!("{at}[]"), text);
        }
    }
}

/// Through references, and past the `null` that stands for leaving it out.
fn resolved<'a>(root: &'a Value, part: &'a Value) -> &'a Value {
    if let Some(name) = part["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return resolved(root, &root["$defs"][name]);
    }
    let ways: Vec<&Value> = part["anyOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|way| way["type"] != "null")
        .collect();
    match ways[..] {
        [only] => resolved(root, only),
        _ => part,
    }
}

/// What may be written there.
fn takes(root: &Value, part: &Value) -> String {
    let part = resolved(root, part);
    let words = part["enum"].as_array().map(|words| words.iter().collect::<Vec<_>>());
    let constants = part["oneOf"].as_array();
    let constants = constants.map(|ways| ways.iter().map(|way| &way["const"]).collect());
    if let Some(words) = words.or(constants) {
        let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        return quoted.join(", ");
    }
    if let Some(ways) = part["anyOf"].as_array() {
        return ways.iter().map(|way| takes(root, way)).collect::<Vec<_>>().join(" or ");
    }
    let kinds =
        part["type"].as_array().map_or_else(|| vec![&part["type"]], |all| all.iter().collect());
    let kind = kinds.into_iter().filter_map(Value::as_str).find(|kind| *kind != "null");
    match kind {
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("integer") => range(part, "whole number"),
        Some("number") => range(part, "number"),
        Some("array") => format!("list of {}", takes(root, &part["items"])),
        Some("object") if part["additionalProperties"].is_object() => {
            format!("NAME: {}", takes(root, &part["additionalProperties"]))
        }
        Some("object") => "mapping".to_owned(),
        _ => match part["pattern"].as_str() {
            Some("^auto$") => "`auto`".to_owned(),
            Some(pattern) if pattern.contains("ms|s|m|h|d") => "duration".to_owned(),
            _ => "text".to_owned(),
        },
    }
}

fn quoted(word: &Value) -> String {
    format!("`{}`", word.as_str().map_or_else(|| word.to_string(), str::to_owned))
}

fn range(part: &Value, kind: &str) -> String {
    match (part["minimum"].as_f64(), part["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("{kind}, {least} to {most}"),
        (Some(least), None) => format!("{kind}, {least} or more"),
        _ => kind.to_owned(),
    }
}

fn line(description: &Value) -> String {
    description.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
