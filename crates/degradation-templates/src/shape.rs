//! The shapes that a template's answer must have. A user's template is checked
//! when it is loaded, so that a misspelt field is found at the start of a run
//! and not in the hour when no model answers.

use serde_json::Value;

/// The kinds of values the answers are made of.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    TextList,
    Flag,
    Number,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextList => "a list of texts",
            Self::Flag => "true or false",
            Self::Number => "a number",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::TextList => {
                value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
            }
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_number(),
        }
    }
}

/// `{understanding, complexity, confidence, risks, questions, relevant_files?}`.
pub(crate) fn analysis(value: &Value) -> Result<(), String> {
    field(value, "understanding", Kind::Text)?;
    one_of(value, "complexity", &["low", "medium", "high"])?;
    within(value, "confidence", 0.0, 1.0)?;
    field(value, "risks", Kind::TextList)?;
    field(value, "questions", Kind::TextList)?;
    optional(value, "relevant_files", Kind::TextList)
}

/// `{milestones: [{name, description, files, read?, tests}], risks, success_criteria, confidence}`.
pub(crate) fn plan(value: &Value) -> Result<(), String> {
    for milestone in list(value, "milestones")? {
        field(milestone, "name", Kind::Text)?;
        field(milestone, "description", Kind::Text)?;
        field(milestone, "tests", Kind::TextList)?;
        optional(milestone, "read", Kind::TextList)?;
        let files = milestone.get("files").ok_or("a milestone has no `files`")?;
        for action in ["create", "modify", "delete"] {
            field(files, action, Kind::TextList)?;
        }
    }
    field(value, "risks", Kind::TextList)?;
    field(value, "success_criteria", Kind::TextList)?;
    within(value, "confidence", 0.0, 1.0)
}

/// `{title, description, criteria, files}`.
pub(crate) fn idea(value: &Value) -> Result<(), String> {
    field(value, "title", Kind::Text)?;
    field(value, "description", Kind::Text)?;
    field(value, "criteria", Kind::TextList)?;
    field(value, "files", Kind::TextList)
}

/// `{approved, code_quality, issues: [{severity, file, line, issue, suggestion}], strengths, next_steps}`.
pub(crate) fn review(value: &Value) -> Result<(), String> {
    field(value, "approved", Kind::Flag)?;
    within(value, "code_quality", 0.0, 100.0)?;
    for issue in list(value, "issues")? {
        one_of(issue, "severity", &["low", "medium", "high"])?;
        for name in ["file", "issue", "suggestion"] {
            field(issue, name, Kind::Text)?;
        }
        match issue.get("line") {
            Some(line) if line.is_null() || line.is_u64() => {}
            _ => return Err("an issue's `line` must be a line number or null".to_owned()),
        }
    }
    field(value, "strengths", Kind::TextList)?;
    field(value, "next_steps", Kind::TextList)
}

fn field(value: &Value, name: &str, kind: Kind) -> Result<(), String> {
    match value.get(name) {
        Some(found) if kind.fits(found) => Ok(()),
        Some(_) => Err(format!("`{name}` must be {}", kind.name())),
        None => Err(format!("`{name}` is missing")),
    }
}

fn optional(value: &Value, name: &str, kind: Kind) -> Result<(), String> {
    match value.get(name) {
        None => Ok(()),
        Some(_) => field(value, name, kind),
    }
}

fn one_of(value: &Value, name: &str, words: &[&str]) -> Result<(), String> {
    field(value, name, Kind::Text)?;
    let word = value.get(name).and_then(Value::as_str).unwrap_or_default();
    if words.contains(&word) {
        return Ok(());
    }
    Err(format!("`{name}` must be one of {}", words.join(", ")))
}

fn within(value: &Value, name: &str, low: f64, high: f64) -> Result<(), String> {
    field(value, name, Kind::Number)?;
    match value.get(name).and_then(Value::as_f64) {
        Some(number) if (low..=high).contains(&number) => Ok(()),
        _ => Err(format!("`{name}` must lie between {low} and {high}")),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    value.get(name).and_then(Value::as_array).ok_or_else(|| format!("`{name}` must be a list"))
}
