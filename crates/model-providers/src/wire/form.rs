//! What a server is known not to accept, learned from its refusals and remembered.
//!
//! Servers that call themselves compatible refuse a parameter with a 400. Without a memory each
//! request would pay for the same refusal; without a step down the model would be lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::ModelId;

/// How a question is put to one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The schema goes as a parameter; else it stands in the prompt.
    pub(crate) native_schema: bool,
    /// The stream is asked to say what was used.
    pub(crate) usage_in_stream: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { native_schema: true, usage_in_stream: true }
    }
}

impl Form {
    /// The form without what a refusal names, if it names something that can be left out.
    pub(crate) fn without(self, refusal: &str) -> Option<Self> {
        let refusal = refusal.to_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| refusal.contains(word));
        let schema = self.native_schema && names(&SCHEMA_WORDS);
        let usage = self.usage_in_stream && names(&USAGE_WORDS);
        (schema || usage).then_some(Self {
            native_schema: self.native_schema && !schema,
            usage_in_stream: self.usage_in_stream && !usage,
        })
    }
}

const SCHEMA_WORDS: [&str; 7] = [
    "response_format",
    "response format",
    "json_schema",
    "json schema",
    "structured output",
    "grammar",
    "guided",
];
const USAGE_WORDS: [&str; 2] = ["stream_options", "include_usage"];

/// The forms learned so far, by model.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    by_model: Mutex<BTreeMap<ModelId, Form>>,
}

impl Forms {
    pub(crate) fn of(&self, model: &ModelId) -> Form {
        let forms = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        forms.get(model).copied().unwrap_or_default()
    }

    pub(crate) fn remember(&self, model: &ModelId, form: Form) {
        let mut forms = self.by_model.lock().unwrap_or_else(PoisonError::into_inner);
        forms.insert(model.clone(), form);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_refusal_names_is_left_out() {
        let full = Form::default();
        let table = [
            ("Unsupported parameter: 'response_format'", Some((false, true))),
            ("This model does not support response format `json_schema`", Some((false, true))),
            ("body.stream_options: Extra inputs are not permitted", Some((true, false))),
            ("stream_options and response_format are unknown", Some((false, false))),
            ("temperature is too high", None),
        ];
        for (refusal, expected) in table {
            let form = full.without(refusal);
            let form = form.map(|f| (f.native_schema, f.usage_in_stream));
            assert_eq!(form, expected, "{refusal}");
        }
    }

    #[test]
    fn what_is_already_left_out_cannot_be_left_out_again() {
        let form = Form { native_schema: false, usage_in_stream: true };
        assert_eq!(form.without("response_format"), None);
    }
}
