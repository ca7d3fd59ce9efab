//! From a model's text to a value that passed every check.
//!
//! Models wrap JSON in fences, think aloud before it, or give half of it. Guessing too freely
//! takes an example in their prose for the answer, so exactly one object is accepted and the
//! schema and the request's own check have the last word. A stand-in's value goes the same way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

use crate::failure::Failure;
use crate::{Class, Request, Validate};

/// Errors of a schema that are named in one message.
const ERRORS_NAMED: usize = 5;
const LONGEST_MESSAGE: usize = 2_000;

/// Why a text or a value did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// For the model, which may mend it, and for a person.
    pub(crate) message: String,
    /// Equal for two answers that fail alike, whatever the wording of their texts.
    pub(crate) likeness: String,
}

impl Rejected {
    pub(crate) fn new(message: impl Into<String>, likeness: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((at, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(at);
        }
        Self { message, likeness: likeness.into() }
    }

    pub(crate) fn into_failure(self) -> Failure {
        let mut failure = Failure::new(Class::InvalidOutput, self.message);
        failure.likeness = Some(self.likeness.into());
        failure
    }
}

/// Schemas that were compiled lately: a role asks by the same one again and again, and to compile it
/// takes longer than everything else that a chain adds to a call.
#[derive(Default)]
pub(crate) struct Validators(Mutex<VecDeque<(Value, Arc<Validator>)>>);

/// One a kind of request, and some that list the files of a work item.
const VALIDATORS_KEPT: usize = 16;

impl Validators {
    fn of(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, validator)) = kept.iter().find(|(known, _)| known == schema) {
            return Ok(Arc::clone(validator));
        }
        let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
        let validator = Arc::new(validator);
        kept.truncate(VALIDATORS_KEPT - 1);
        kept.push_front((schema.clone(), Arc::clone(&validator)));
        Ok(validator)
    }
}

/// The checks of one request, compiled once for all its attempts.
pub(crate) struct Check {
    schema: Arc<Validator>,
    validate: Option<Validate>,
}

impl Check {
    /// # Errors
    /// A text, if the schema itself is not valid.
    pub(crate) fn new(request: &Request, known: &Validators) -> Result<Self, String> {
        let schema = known
            .of(&request.schema.body)
            .map_err(|e| format!("the schema {:?} is not valid: {e}", request.schema.name))?;
        Ok(Self { schema, validate: request.validate.clone() })
    }

    pub(crate) fn text(&self, text: &str) -> Result<Value, Rejected> {
        let value = one_object(text)?;
        self.value(&value).map(|()| value)
    }

    pub(crate) fn value(&self, value: &Value) -> Result<(), Rejected> {
        let mut errors = self.schema.iter_errors(value).peekable();
        if let Some(first) = errors.peek() {
            let likeness = format!("schema {} {}", first.schema_path(), first.instance_path());
            let named: Vec<String> = errors
                .take(ERRORS_NAMED)
                .map(|e| format!("at {:?}: {}", e.instance_path().as_str(), e.masked()))
                .collect();
            let message = format!("does not fit the schema: {}", named.join("; "));
            return Err(Rejected::new(message, likeness));
        }
        self.own(value)
    }

    /// The request's own check alone.
    pub(crate) fn own(&self, value: &Value) -> Result<(), Rejected> {
        match &self.validate {
            Some(validate) => validate(value).map_err(|message| {
                let likeness = format!("check {message}");
                Rejected::new(message, likeness)
            }),
            None => Ok(()),
        }
    }
}

/// The one JSON object of a text: alone, in one fenced block, or with prose around it.
fn one_object(text: &str) -> Result<Value, Rejected> {
    let text = without_thinking(text.trim_start_matches('\u{feff}')).trim();
    if text.is_empty() {
        return Err(Rejected::new("the answer is empty", "empty"));
    }
    let alone = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut objects = fenced(text).filter_map(object);
    match (objects.next(), objects.next()) {
        (Some(value), None) => return Ok(value),
        (Some(_), Some(_)) => {
            return Err(Rejected::new(
                "the answer holds more than one JSON object",
                "many objects",
            ));
        }
        (None, _) => {}
    }
    let between = text.find('{').zip(text.rfind('}'));
    between
        .and_then(|(from, to)| text.get(from..=to))
        .and_then(object)
        .ok_or_else(|| Rejected::new(format!("the answer is not JSON: {alone}"), "not JSON"))
}

fn object(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    value.is_object().then_some(value)
}

/// Local models put their reasoning into the text, before the answer.
fn without_thinking(text: &str) -> &str {
    let start = text.trim_start();
    if !start.starts_with("<think>") {
        return text;
    }
    match start.split_once("</think>") {
        Some((_, after)) => after,
        None => text,
    }
}

/// The contents of the blocks between lines that begin with three backticks.
fn fenced(text: &str) -> impl Iterator<Item = &str> {
    let mut marks = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            marks.push((at, at + line.len()));
        }
        at += line.len();
    }
    let pairs: Vec<_> = marks
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [(_, from), (to, _)] => text.get(*from..*to),
            _ => None,
        })
        .collect();
    pairs.into_iter()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::Schema;

    fn check(validate: Option<Validate>) -> Check {
        let body = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"type": "integer"}}
        });
        let name = "x".to_owned();
        let request = Request {
            schema: Schema { name, body },
            prompt: Arc::new(Vec::new()),
            validate,
            stand_in: None,
            workplace: None,
        };
        Check::new(&request, &Validators::default()).unwrap()
    }

    #[test]
    fn a_schema_is_compiled_once_and_few_are_kept() {
        let known = Validators::default();
        let first = known.of(&json!({"type": "object"})).unwrap();
        assert!(Arc::ptr_eq(&first, &known.of(&json!({"type": "object"})).unwrap()));
        for most in 0..100 {
            known.of(&json!({ "maxLength": most })).unwrap();
        }
        assert_eq!(known.0.lock().unwrap().len(), VALIDATORS_KEPT);
        assert!(known.of(&json!({"type": 7})).is_err());
    }

    #[test]
    fn one_object_is_found_wherever_it_stands() {
        for text in [
            r#"{"a": 1}"#,
            "\u{feff} {\"a\": 1}\n",
            "```json\n{\"a\": 1}\n```",
            "Here it is:\n```\n{\"a\": 1}\n```\nDone.",
            "<think>{\"a\": 2}</think>\n{\"a\": 1}",
            "The answer is {\"a\": 1}.",
            "```python\nprint()\n```\n```json\n{\"a\": 1}\n```",
        ] {
            assert_eq!(check(None).text(text), Ok(json!({"a": 1})), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_object_of_the_schema_is_rejected() {
        let table = [
            ("", "empty"),
            ("I cannot do that", "not JSON"),
            (r#"{"a": 1"#, "not JSON"),
            (r#"{"a": 1} or {"a": 2}"#, "not JSON"),
            ("```\n{\"a\":1}\n```\n```\n{\"a\":2}\n```", "many objects"),
            ("<think>hm", "not JSON"),
        ];
        for (text, likeness) in table {
            assert_eq!(check(None).text(text).unwrap_err().likeness, likeness);
        }
    }

    #[test]
    fn a_schema_error_names_the_place_and_not_the_value() {
        let error = check(None).text(r#"{"a": "long text", "b": 1}"#).unwrap_err();
        insta::assert_snapshot!(error.message, @r#"does not fit the schema: at "/a": value is not of type "integer"; at "": Additional properties are not allowed ('b' was unexpected)"#);
    }

    #[test]
    fn the_requests_own_check_has_the_last_word() {
        let validate: Validate = Arc::new(|_| Err("use an even number".into()));
        let error = check(Some(validate)).text(r#"{"a": 1}"#).unwrap_err();
        assert_eq!(error.message, "use an even number");
    }

    #[test]
    fn deep_json_is_rejected_and_not_followed() {
        let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert_eq!(check(None).text(&deep).unwrap_err().likeness, "not JSON");
    }
}
