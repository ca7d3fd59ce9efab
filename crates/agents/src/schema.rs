//! The named schemas that stand in every request.
//!
//! They are derived from the shapes that read the answers, so that the two cannot drift apart, and
//! brought into the narrow form that strict endpoints take: everything inline, no further properties,
//! none of the keywords that some endpoint refuses. A property that may be missing may be null as
//! well, so that requiring it, as strict endpoints want, asks no more of a model. What the form
//! cannot say (ranges, paths) is checked after parsing.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::answers::{Analysis, Plan, Review};
use crate::coder::RawChanges;

/// Keywords that say nothing a model needs, or that strict endpoints refuse.
const DROPPED: [&str; 6] = ["$schema", "title", "format", "minimum", "maximum", "default"];

/// What roles are asked for, by name: `analysis`, `plan`, `changes` and `review`. A request for
/// `changes` names its paths besides.
#[must_use]
pub fn schemas() -> [(&'static str, Value); 4] {
    [
        ("analysis", of::<Analysis>()),
        ("plan", of::<Plan>()),
        ("changes", of::<RawChanges>()),
        ("review", of::<Review>()),
    ]
}

/// The schema of a shape, inline and strict.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tighten(&mut schema);
    schema
}

/// Allows only these paths at `files[].path`.
pub(crate) fn restrict_paths(schema: &mut Value, paths: &[String]) {
    if let Some(path) = schema.pointer_mut("/properties/files/items/properties/path") {
        path["enum"] = json!(paths);
    }
}

fn tighten(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(tighten),
        Value::Object(object) => {
            for keyword in DROPPED {
                // A property may be called like a keyword; then its value is a schema.
                if !object.get(keyword).is_some_and(Value::is_object) {
                    object.remove(keyword);
                }
            }
            join_lines(object);
            join_constants(object);
            close(object);
            object.values_mut().for_each(tighten);
        }
        _ => {}
    }
}

/// A description is wrapped in the source only.
fn join_lines(object: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// A documented enum is derived as `oneOf` constants, which strict endpoints refuse.
fn join_constants(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else {
        return;
    };
    let constants: Option<Vec<Value>> =
        choices.iter().map(|choice| choice.get("const").cloned()).collect();
    if let Some(constants) = constants {
        object.remove("oneOf");
        object.insert("type".to_owned(), json!("string"));
        object.insert("enum".to_owned(), Value::Array(constants));
    }
}

fn close(object: &mut Map<String, Value>) {
    if object.get("type") != Some(&json!("object")) {
        return;
    }
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = object.get_mut("properties") else {
        return;
    };
    for (name, property) in properties.iter_mut() {
        if !required.contains(&json!(name)) {
            make_nullable(property);
        }
    }
    object.insert("additionalProperties".to_owned(), json!(false));
}

fn make_nullable(property: &mut Value) {
    if let Some(kind) = property.get_mut("type")
        && kind.is_string()
    {
        *kind = json!([kind.clone(), "null"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Analysis, Plan, Review};

    fn walk(schema: &Value, visit: &mut dyn FnMut(&Map<String, Value>)) {
        match schema {
            Value::Object(object) => {
                visit(object);
                object.values().for_each(|value| walk(value, visit));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_is_inline_and_strict() {
        for schema in
            [of::<Analysis>(), of::<Plan>(), of::<Review>(), of::<crate::coder::RawChanges>()]
        {
            walk(&schema, &mut |object| {
                assert!(
                    !object.contains_key("$ref")
                        && !object.contains_key("oneOf")
                        && !object.contains_key("$defs")
                );
                if object.get("type") == Some(&json!("object")) {
                    assert_eq!(object["additionalProperties"], json!(false));
                    for (name, property) in object["properties"].as_object().unwrap() {
                        let required =
                            object["required"].as_array().unwrap().contains(&json!(name));
                        let nullable = property["type"]
                            .as_array()
                            .is_some_and(|kinds| kinds.contains(&json!("null")));
                        assert!(
                            required || nullable,
                            "{name} may be missing and may not be null: {property}"
                        );
                    }
                }
            });
            jsonschema::validator_for(&schema).unwrap();
        }
    }

    #[test]
    fn the_changes_schema_reads_as_the_contract_says() {
        let mut schema = of::<crate::coder::RawChanges>();
        restrict_paths(&mut schema, &["src/a.rs".to_owned()]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&schema).unwrap());
    }

    #[test]
    fn the_plan_and_review_schemas_read_as_the_contract_says() {
        for (name, schema) in
            [("analysis", of::<Analysis>()), ("plan", of::<Plan>()), ("review", of::<Review>())]
        {
            insta::assert_snapshot!(name, serde_json::to_string_pretty(&schema).unwrap());
        }
    }
}
