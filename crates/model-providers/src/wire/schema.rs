//! The schema of an answer, as a parameter or as words.
//!
//! Both ways stand side by side so that a server without the parameter is asked for the very same
//! shape, and not for a paraphrase of it.

use serde_json::{Value, json};

use crate::{Schema, estimate_tokens};

/// The `response_format` of a chat completion.
pub(super) fn response_format(schema: &Schema) -> Value {
    json!({
        "type": "json_schema",
        "json_schema": {
            "name": schema.name,
            "strict": is_strict(&schema.body),
            "schema": schema.body,
        },
    })
}

/// The demand that stands in the prompt where no parameter carries the schema.
pub(super) fn demand(schema: &Schema) -> String {
    format!(
        "Answer with one JSON object that fits this JSON Schema, and with nothing else: no prose \
         before or after it.\n{}",
        schema.body
    )
}

/// What the schema takes of a model's window, in whichever way it is sent.
pub(crate) fn tokens(schema: &Schema) -> u64 {
    estimate_tokens(&demand(schema))
}

/// Whether every object lists all of its fields as required and allows no other. Servers refuse
/// `strict` for any other schema, and an enforced loose schema is better than a refused request.
pub(super) fn is_strict(schema: &Value) -> bool {
    let Value::Object(fields) = schema else {
        return match schema {
            Value::Array(list) => list.iter().all(is_strict),
            _ => true,
        };
    };
    let Some(Value::Object(properties)) = fields.get("properties") else {
        return fields.values().all(is_strict);
    };
    let required = fields.get("required").and_then(Value::as_array);
    let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
    let complete = required.is_some_and(|names| {
        let listed = |name: &String| names.iter().any(|n| n.as_str() == Some(name));
        properties.keys().all(listed)
    });
    let others = fields.iter().filter(|(name, _)| *name != "properties");
    closed
        && complete
        && properties.values().all(is_strict)
        && others.map(|(_, value)| value).all(is_strict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_is_asked_only_for_schemas_that_are() {
        let inner = json!({"type": "object", "properties": {"b": {"type": "string"}},
            "required": ["b"], "additionalProperties": false});
        let table = [
            (inner.clone(), true),
            (json!({"type": "array", "items": inner}), true),
            (json!({"anyOf": [inner, {"type": "null"}]}), true),
            (json!({"type": "object", "properties": {"b": {}}, "required": ["b"]}), false),
            (
                json!({"type": "object", "properties": {"b": {}}, "additionalProperties": false}),
                false,
            ),
            (json!({"items": {"properties": {"b": {}}}}), false),
            // A field may itself be named `properties`.
            (
                json!({"properties": {"properties": {"type": "string"}},
                    "required": ["properties"], "additionalProperties": false}),
                true,
            ),
        ];
        for (schema, expected) in table {
            assert_eq!(is_strict(&schema), expected, "{schema}");
        }
    }
}
