//! The other interface: what it is asked is held against GitHub's schema, cut down to what belay
//! asks for (`openapi/cut-graphql.mjs`), and answered with nothing that was not asked for.

mod query;

use serde_json::{Map, Value, json};

use crate::answer::reply;
use crate::http::{Reply, Request};
use crate::json::{self, stamp};
use crate::world::{Happening, Issue, World};
use query::Wish;

const SCHEMA: &str = include_str!("../openapi/graphql.json");

/// Whether the request is a question to this interface; what it is to change is another matter.
pub(crate) fn is_question(request: &Request) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let asks = |text: &str| text.trim_start().starts_with("query");
    request.path == "/graphql" && body["query"].as_str().is_some_and(asks)
}

/// What the request breaks of the schema.
pub(crate) fn violations(request: &Request) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    let mut broken = Vec::new();
    match wishes(request) {
        Ok(wishes) => check(&schema, "Query", &wishes, &mut broken),
        Err(why) => broken.push(why),
    }
    if request.method != "POST" {
        broken.push(format!("{} instead of POST", request.method));
    }
    broken.iter().map(|one| format!("graphql: {one}")).collect()
}

fn wishes(request: &Request) -> Result<Vec<Wish>, String> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
    let text = body["query"].as_str().ok_or("the body has no query")?;
    query::read(text, &body["variables"])
}

fn check(schema: &Value, kind: &str, wishes: &[Wish], broken: &mut Vec<String>) {
    for wish in wishes {
        match wish {
            Wish::On { kind: wanted, wishes } => {
                let members = schema["unions"][kind].as_array().into_iter().flatten();
                let mut members = members.filter_map(Value::as_str);
                if !members.any(|one| one == wanted) {
                    broken.push(format!("{kind} is never a {wanted}"));
                }
                check(schema, wanted, wishes, broken);
            }
            Wish::Field { name, .. } if name == "__typename" => {}
            Wish::Field { name, arguments, wishes } => {
                let field = &schema["types"][kind][name];
                if field.is_null() {
                    broken.push(format!("{kind} has no field {name}"));
                    continue;
                }
                check_arguments(schema, field, arguments, broken);
                let inner = field["type"].as_str().unwrap_or_default();
                let holds_fields =
                    ["types", "unions"].iter().any(|group| !schema[*group][inner].is_null());
                if holds_fields == wishes.is_empty() {
                    broken.push(format!("{kind}.{name} is {inner}: its fields must be named"));
                }
                check(schema, inner, wishes, broken);
            }
        }
    }
}

fn check_arguments(
    schema: &Value,
    field: &Value,
    given: &std::collections::BTreeMap<String, Value>,
    broken: &mut Vec<String>,
) {
    let known = field["args"].as_object().cloned().unwrap_or_default();
    for (name, value) in given {
        let Some(argument) = known.get(name) else {
            broken.push(format!("unknown argument {name}"));
            continue;
        };
        let kind = argument["type"].as_str().unwrap_or_default();
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let names = schema["enums"][kind].as_array();
        let fits = |value: &Value| match kind {
            "Int" => value.is_u64(),
            "String" => value.is_string(),
            _ => names.is_none_or(|names| names.contains(value)),
        };
        if !values.iter().all(fits) {
            broken.push(format!("{name} is no {kind}: {value}"));
        }
    }
    for (name, argument) in &known {
        if argument["required"] == true && !given.contains_key(name) {
            broken.push(format!("{name} is missing"));
        }
    }
}

/// Answers the request.
pub(crate) fn answer(world: &World, request: &Request) -> Reply {
    let wishes = match wishes(request) {
        Ok(wishes) => wishes,
        Err(why) => return reply(200, &json!({"errors": [{"message": why}]})),
    };
    let mut errors = Vec::new();
    let data = wishes.iter().filter_map(|wish| match wish {
        Wish::Field { name, arguments, wishes } if name == "repository" => {
            let full = ["owner", "name"].map(|part| arguments.get(part).and_then(Value::as_str));
            let full = full.map(Option::unwrap_or_default).join("/");
            let is_ours =
                full.eq_ignore_ascii_case(&world.full_name()) || world.old_names.contains(&full);
            Some((name.clone(), repository(world, is_ours, wishes, &mut errors)))
        }
        _ => None,
    });
    let data: Map<String, Value> = data.collect();
    let mut body = json!({ "data": data });
    if !errors.is_empty() {
        body["errors"] = errors.into();
    }
    reply(200, &body)
}

fn repository(world: &World, is_ours: bool, wishes: &[Wish], errors: &mut Vec<Value>) -> Value {
    let mut missing = |path: &[&str], what: String| {
        let message = format!("Could not resolve to {what}.");
        errors.push(json!({"type": "NOT_FOUND", "path": path, "message": message}));
        Value::Null
    };
    if !is_ours {
        return missing(&["repository"], "a Repository".to_owned());
    }
    let mut found = Map::new();
    for wish in wishes {
        if let Wish::Field { name, arguments, wishes } = wish {
            let number = arguments.get("number").and_then(Value::as_u64).unwrap_or_default();
            let issue = world.issues.get(&number);
            let issue = issue.filter(|one| !one.deleted && !one.pull_request);
            let value = match issue.filter(|_| !world.issues_disabled) {
                Some(issue) => picked(&whole(world, issue), wishes),
                None => missing(
                    &["repository", "issue"],
                    format!("an Issue with the number of {number}"),
                ),
            };
            found.insert(name.clone(), value);
        }
    }
    found.into()
}

/// Everything that can be asked about an issue.
fn whole(world: &World, issue: &Issue) -> Value {
    let labels: Vec<Value> = issue.labels.iter().map(|name| json!({ "name": name })).collect();
    let events = issue.happenings.iter().map(|one| {
        let (kind, label) = match &one.what {
            Happening::Labelled(label) => ("LabeledEvent", json!({ "name": label })),
            Happening::Unlabelled(label) => ("UnlabeledEvent", json!({ "name": label })),
            Happening::Renamed => ("RenamedTitleEvent", Value::Null),
        };
        let login = one.who.trim_end_matches("[bot]");
        let actor = json!({ "__typename": json::kind(&one.who), "login": login });
        json!({"__typename": kind, "createdAt": stamp(one.at), "actor": actor, "label": label})
    });
    let url = format!("https://github.com/{}/issues/{}", world.full_name(), issue.number);
    json!({
        "__typename": "Issue",
        "number": issue.number,
        "url": url,
        "title": issue.title,
        "body": issue.body,
        "state": if issue.closed { "CLOSED" } else { "OPEN" },
        "lastEditedAt": issue.edited_at.map(stamp),
        "labels": { "nodes": labels },
        "timelineItems": { "nodes": events.collect::<Vec<Value>>() },
    })
}

/// What was asked for of a value.
fn picked(value: &Value, wishes: &[Wish]) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|one| picked(one, wishes)).collect(),
        Value::Object(_) => {
            let mut found = Map::new();
            for wish in wishes {
                match wish {
                    Wish::Field { name, arguments, wishes } => {
                        let own = listed(&value[name], arguments);
                        let inner = if wishes.is_empty() { own } else { picked(&own, wishes) };
                        found.insert(name.clone(), inner);
                    }
                    Wish::On { kind, wishes } if value["__typename"] == **kind => {
                        if let Value::Object(more) = picked(value, wishes) {
                            found.extend(more);
                        }
                    }
                    Wish::On { .. } => {}
                }
            }
            found.into()
        }
        other => other.clone(),
    }
}

/// A connection as far as it was asked for: the first or the last ones, of some kinds.
fn listed(value: &Value, arguments: &std::collections::BTreeMap<String, Value>) -> Value {
    let Some(nodes) = value["nodes"].as_array() else { return value.clone() };
    let kinds = arguments.get("itemTypes").and_then(Value::as_array);
    let is_wanted = |node: &&Value| {
        kinds.is_none_or(|kinds| {
            let kind = node["__typename"].as_str().unwrap_or_default().to_ascii_lowercase();
            let same = |one: &Value| {
                one.as_str().is_some_and(|one| one.replace('_', "").to_ascii_lowercase() == kind)
            };
            kinds.iter().any(same)
        })
    };
    let mut nodes: Vec<Value> = nodes.iter().filter(is_wanted).cloned().collect();
    let most = |name: &str| arguments.get(name).and_then(Value::as_u64).map(|most| most as usize);
    if let Some(most) = most("first") {
        nodes.truncate(most);
    }
    if let Some(most) = most("last") {
        nodes.drain(..nodes.len().saturating_sub(most));
    }
    json!({ "nodes": nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str, variables: &Value) -> Request {
        let body = json!({ "query": query, "variables": variables });
        Request {
            method: "POST".into(),
            path: "/graphql".into(),
            body: body.to_string().into_bytes(),
            ..Request::default()
        }
    }

    #[test]
    fn what_the_schema_does_not_have_is_a_violation() {
        let ask = |inner: &str| {
            let query = format!("query {{ repository(owner: \"o\", name: \"r\") {{ {inner} }} }}");
            violations(&asked(&query, &json!({}))).len()
        };
        assert_eq!(
            ask("issue(number: 1) { title lastEditedAt labels(first: 9) { nodes { name } } }"),
            0
        );
        for wrong in [
            "issue(number: 1) { titel }",
            "issue { title }",
            "issue(number: \"x\") { title }",
            "issue(number: 1, id: 2) { title }",
            "issue(number: 1)",
            "issue(number: 1) { title { name } }",
            "issue(number: 1) { timelineItems(itemTypes: [NO_EVENT]) { nodes { __typename } } }",
            "issue(number: 1) { timelineItems(last: 1) { nodes { ... on Repository { issue(number: 1) { title } } } } }",
            "issue(number: 1) { title ",
        ] {
            assert!(ask(wrong) > 0, "{wrong}");
        }
        let undeclared = asked(
            "query { repository(owner: \"o\", name: $n) { issue(number: 1) { title } } }",
            &json!({}),
        );
        assert_eq!(violations(&undeclared).len(), 1);
    }

    #[test]
    fn nothing_is_answered_that_was_not_asked_for() {
        let mut world = World::new("o/r", "t");
        let number = world.open("eve", "Title", "Text");
        world.label(number, "ada", "a");
        world.rename(number, "eve", "Other");
        let query = "query($n: Int!) { repository(owner: \"o\", name: \"r\") { issue(number: $n) { title \
            timelineItems(last: 5, itemTypes: [LABELED_EVENT]) { nodes { __typename ... on LabeledEvent { label { name } } } } } } }";
        let reply = answer(&world, &asked(query, &json!({ "n": number })));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let event = json!({ "__typename": "LabeledEvent", "label": { "name": "a" } });
        let issue = json!({ "title": "Other", "timelineItems": { "nodes": [event] } });
        assert_eq!(body, json!({ "data": { "repository": { "issue": issue } } }));
        let missing = answer(&world, &asked(query, &json!({ "n": 77 })));
        assert!(String::from_utf8(missing.body).unwrap().contains("NOT_FOUND"));
    }
}
