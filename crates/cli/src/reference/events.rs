//! Every event with its fields.

use std::collections::BTreeSet;

use super::source::{self, Declared, Field, snake};
use super::{row, table};

const EVENTS: &str = include_str!("../../../orchestrator/src/event.rs");
const WORDS: &str = include_str!("../../../orchestrator/src/words.rs");
const FACTS: &str = include_str!("../../../orchestrator/src/fact.rs");
const CLASSES: &str = include_str!("../../../model-providers/src/class.rs");

const HEAD: &str = "\
## Events

With `--format json`, `run`, `resume` and `demo` print one event a line. Each has `seq` (from 1, without
gaps), `time`, `run`, `event` and these fields; without a type a field is text, with `?` it may be
`null` or missing. `tokens` is `{input: number, output: number}`, a `finding` is
`{severity, file, line?: number, message}`, a `person` is `{name, email}`. Fields and events may be
added, and are never renamed or dropped.

";

/// The enums whose words fields hold, and where each is declared.
const ENUMS: [(&str, &str); 6] = [
    ("Class", CLASSES),
    ("IssueKind", WORDS),
    ("Role", WORDS),
    ("Status", WORDS),
    ("StepName", WORDS),
    ("Success", WORDS),
];

pub(super) fn part() -> String {
    let mut text = HEAD.to_owned() + &table(&["event", "fields", "meaning"]);
    for event in source::variants(EVENTS, "Event") {
        let fields = format!("`{{{}}}`", shape(&event));
        text.push_str(&row(&[&format!("`{}`", snake(&event.name)), &fields, &event.doc]));
    }
    text.push_str("\nThe words that fields hold:\n\n");
    text.push_str(&table(&["type", "word", "meaning"]));
    for (name, at) in ENUMS {
        for variant in source::variants(at, name) {
            let word = format!("`{}`", snake(&variant.name));
            text.push_str(&row(&[&format!("`{}`", kind_name(name)), &word, &variant.doc]));
        }
    }
    text
}

fn shape(event: &Declared) -> String {
    let flat = |field: &Field| match field.is_flat {
        true => source::fields(FACTS, &field.kind).iter().map(shown).collect(),
        false => vec![shown(field)],
    };
    event.fields.iter().flat_map(flat).collect::<Vec<_>>().join(", ")
}

fn shown(field: &Field) -> String {
    let inner = inside(&field.kind, "Option");
    let mark = if inner.is_some() || field.may_be_missing { "?" } else { "" };
    let kind = typed(inner.unwrap_or(&field.kind));
    let name = &field.name;
    if kind.is_empty() || (kind == *name && kind != "number") {
        format!("{name}{mark}")
    } else {
        format!("{name}{mark}: {kind}")
    }
}

/// Nothing for text.
fn typed(kind: &str) -> String {
    if let Some(inner) = inside(kind, "Vec") {
        let inner = typed(inner);
        let inner = if inner.is_empty() { "text" } else { &inner };
        return format!("[{inner}]");
    }
    match kind {
        "String" | "ModelId" | "CommitId" | "TreeId" => String::new(),
        "bool" => "bool".to_owned(),
        "u16" | "u32" | "u64" | "i32" | "usize" | "f64" => "number".to_owned(),
        "Replayed" => "{from, to}".to_owned(),
        other => kind_name(other),
    }
}

/// One word for each type: `StepName` is `step`.
fn kind_name(name: &str) -> String {
    match name {
        "IssueKind" => "kind".to_owned(),
        "StepName" => "step".to_owned(),
        other => snake(other),
    }
}

fn inside<'a>(kind: &'a str, outer: &str) -> Option<&'a str> {
    kind.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>')
}

#[test]
fn every_type_of_a_field_is_explained() {
    let known: BTreeSet<String> = ENUMS.iter().map(|(name, _)| kind_name(name)).collect();
    let built_in = ["bool", "number", "tokens", "finding", "person", "text", "{from, to}", ""];
    for event in source::variants(EVENTS, "Event") {
        for field in event.fields.iter().filter(|field| !field.is_flat) {
            let kind = typed(inside(&field.kind, "Option").unwrap_or(&field.kind));
            let kind = kind.trim_matches(['[', ']']);
            let is_known = known.contains(kind) || built_in.contains(&kind);
            assert!(is_known, "{}.{}: {kind}", event.name, field.name);
        }
    }
}

#[test]
fn what_is_read_of_the_source_is_what_is_printed() {
    use orchestrator::Event;
    let one_line = Event::CheckpointSaved { milestone: None, phase: "plan".to_owned() };
    let several = Event::MilestoneNoted { milestone: 1, name: "Look".to_owned(), by_hand: false };
    let variants = source::variants(EVENTS, "Event");
    for event in [one_line, several] {
        let read = variants.iter().find(|read| snake(&read.name) == event.name());
        let read = read.expect("it is declared");
        let printed = serde_json::to_value(&event).expect("JSON");
        let printed: BTreeSet<&str> =
            printed.as_object().expect("an object").keys().map(String::as_str).collect();
        let fields = read.fields.iter().map(|field| field.name.as_str());
        assert_eq!(fields.chain(["event"]).collect::<BTreeSet<_>>(), printed);
    }
    assert!(variants.iter().all(|event| !event.doc.is_empty() && !event.fields.is_empty()));
}
