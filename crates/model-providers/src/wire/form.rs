//! What a server is known not to accept, learned from its refusals and remembered.
//!
//! Servers that call themselves compatible refuse a parameter with a 400. Without a memory each
//! request would pay for the same refusal; without a step down the model would be lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::dialect::{Dialect, SchemaWay};
use crate::ModelId;

/// How a question is put to one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) schema: SchemaWay,
    /// The stream is asked to say what was used.
    pub(crate) usage_in_stream: bool,
    /// Standing orders have a role of their own; else they begin the first message.
    pub(crate) system_role: bool,
    /// The answer is asked for as a stream; else in one piece.
    pub(crate) stream: bool,
}

impl Form {
    /// What is tried first at a server of this dialect.
    pub(crate) fn first(dialect: &Dialect) -> Self {
        Self {
            schema: dialect.schema,
            usage_in_stream: dialect.usage_in_stream(),
            system_role: true,
            stream: true,
        }
    }

    /// The form without what a refusal names, if it names something that can be left out.
    pub(crate) fn without(self, refusal: &str, dialect: &Dialect) -> Option<Self> {
        let refusal = refusal.to_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| refusal.contains(word));
        let schema = self.schema != SchemaWay::Prompt && names(&SCHEMA_WORDS);
        let usage = self.usage_in_stream && names(&USAGE_WORDS);
        let system = self.system_role && names(&SYSTEM_WORDS);
        // A stream is worth more than a parameter that excludes it.
        let stream = self.stream && !schema && !usage && names(&STREAM_WORDS);
        let is_the_kind = names(&["json_schema", "json schema", "response_format type"]);
        let way = match self.schema {
            SchemaWay::JsonSchema if is_the_kind && dialect.knows_json_object() => {
                SchemaWay::JsonObject
            }
            _ => SchemaWay::Prompt,
        };
        (schema || usage || system || stream).then_some(Self {
            schema: if schema { way } else { self.schema },
            usage_in_stream: self.usage_in_stream && !usage,
            system_role: self.system_role && !system,
            stream: self.stream && !stream,
        })
    }
}

const SCHEMA_WORDS: [&str; 11] = [
    "response_format",
    "response format",
    "json_schema",
    "json schema",
    "json_object",
    "structured output",
    "grammar",
    "guided",
    "output_config",
    "output_format",
    "output format",
];
const USAGE_WORDS: [&str; 2] = ["stream_options", "include_usage"];
const SYSTEM_WORDS: [&str; 6] = [
    "system role",
    "role 'system'",
    "role \"system\"",
    "system messages are not",
    "developer instruction",
    "system prompt is not",
];
const STREAM_WORDS: [&str; 6] = [
    "streaming is not",
    "not support streaming",
    "stream is not",
    "'stream'",
    "`stream`",
    "parameter stream",
];

/// The forms learned so far, by model.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    by_model: Mutex<BTreeMap<ModelId, Form>>,
}

impl Forms {
    pub(crate) fn of(&self, model: &ModelId, dialect: &Dialect) -> Form {
        let forms = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        forms.get(model).copied().unwrap_or_else(|| Form::first(dialect))
    }

    pub(crate) fn remember(&self, model: &ModelId, form: Form) {
        let mut forms = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        forms.insert(model.clone(), form);
    }
}

#[cfg(test)]
mod tests {
    use super::SchemaWay::{JsonObject, JsonSchema, Prompt};
    use super::*;

    #[test]
    fn only_what_a_refusal_names_is_left_out() {
        let full = Form::first(&Dialect::default());
        let table = [
            ("Unsupported parameter: 'response_format'", Some((Prompt, true, true, true))),
            (
                "This model does not support response format `json_schema`",
                Some((JsonObject, true, true, true)),
            ),
            (
                "body.stream_options: Extra inputs are not permitted",
                Some((JsonSchema, false, true, true)),
            ),
            ("stream_options and response_format are unknown", Some((Prompt, false, true, true))),
            (
                "Developer instruction is not enabled for gemma",
                Some((JsonSchema, true, false, true)),
            ),
            ("Streaming is not supported by this model", Some((JsonSchema, true, true, false))),
            (
                "response_format json_schema does not support streaming",
                Some((JsonObject, true, true, true)),
            ),
            ("temperature is too high", None),
        ];
        for (refusal, expected) in table {
            let form = full.without(refusal, &Dialect::default());
            let form = form.map(|f| (f.schema, f.usage_in_stream, f.system_role, f.stream));
            assert_eq!(form, expected, "{refusal}");
        }
    }

    #[test]
    fn what_is_already_left_out_cannot_be_left_out_again() {
        let first = Form::first(&Dialect::default());
        let without = |form: Form, refusal| form.without(refusal, &Dialect::default());
        let object = without(first, "json_schema").unwrap();
        let prompt = without(object, "json_schema").unwrap();
        assert_eq!((object.schema, prompt.schema), (JsonObject, Prompt));
        assert_eq!(without(prompt, "response_format json_schema"), None);
        let silent = Form { usage_in_stream: false, ..first };
        assert_eq!(without(silent, "stream_options"), None);
    }
}
