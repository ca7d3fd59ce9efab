//! Every key is shown, from where it came, and no secret.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::*;

const WRITTEN: &str = r#"providers:
  near:
    kind: openai
    base_url: "http://127.0.0.1:9/v1?sig=hush-1"
    api_key_env: NEAR_KEY
    headers: { x-team: hush-2 }
    query: { api-version: hush-3 }
    limits: { concurrency: 2 }
  agent: { kind: command, preset: codex, api_key_env: AGENT_KEY }
  own:
    kind: command
    command: ["./agent.sh", "{prompt}"]
    exits: { 3: rate_limited }
    env: [LANG]
models:
  near/small: { context_window: 8000 }
roles:
  planner: { chain: [near/small, agent/gpt-5.4], timeout: 90s }
  coder: { timeout: null }
run: { parallel: 2, base: null, checks: [{ name: lint, run: make lint }] }
commit:
  author: "Ada <ada@example.org>"
"#;

fn shown(text: Option<&str>, environment: &Environment) -> Vec<Setting> {
    let text = text.map(|text| ("belay.yaml", text));
    let loaded = load(text, environment).expect("a config that can be used");
    settings(text, environment, &loaded.config).expect("it was read before")
}

fn lines(settings: &[Setting]) -> String {
    settings.iter().fold(String::new(), |mut lines, setting| {
        let set = setting.is_set.map_or("", |set| if set { " (set)" } else { " (not set)" });
        let (value, origin) = (flow(&setting.value), setting.origin.name());
        writeln!(lines, "{} = {value}{set} <- {origin}", setting.key).expect("text");
        lines
    })
}

/// Every key below a part of the schema, with `*` for names of one's own.
fn walk(schema: &Value, part: &Value, path: &str, keys: &mut BTreeSet<String>) {
    if let Some(name) = part["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return walk(schema, &schema["$defs"][name], path, keys);
    }
    let ways = part["anyOf"].as_array().into_iter().flatten();
    let ways = ways.filter(|way| way["type"] != "null");
    // A list, and a map whose values are no section, is one setting.
    let is_section = |part: &Value| part["$ref"].is_string() || part["anyOf"].is_array();
    let mut is_leaf = true;
    for way in ways {
        is_leaf = false;
        walk(schema, way, path, keys);
    }
    for (key, below) in part["properties"].as_object().into_iter().flatten() {
        is_leaf = false;
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        walk(schema, below, &path, keys);
    }
    if is_section(&part["additionalProperties"]) && !path.contains(".") {
        is_leaf = false;
        walk(schema, &part["additionalProperties"], &format!("{path}.*"), keys);
    }
    if is_leaf {
        keys.insert(path.to_owned());
    }
}

#[test]
fn every_key_of_the_schema_is_shown_and_no_other() {
    let schema = Config::json_schema();
    let mut wanted = BTreeSet::new();
    walk(&schema, &schema, "", &mut wanted);
    assert!(wanted.contains("providers.*.limits.concurrency"), "{wanted:?}");
    assert!(wanted.contains("run.checks") && wanted.contains("failover.enabled"), "{wanted:?}");
    let environment = with_keys(&["NEAR_KEY"]);
    let names = ["near", "agent", "own", "near/small"];
    let key = |setting: &Setting| {
        let parts = ["providers", "models"].iter().find_map(|section| {
            let rest = setting.key.strip_prefix(section)?.strip_prefix('.')?;
            let name = names
                .iter()
                .find(|name| rest.strip_prefix(**name).is_some_and(|rest| rest.starts_with('.')))?;
            Some(format!("{section}.*{}", rest.strip_prefix(name)?))
        });
        parts.unwrap_or_else(|| setting.key.clone())
    };
    let found: BTreeSet<String> = shown(Some(WRITTEN), &environment).iter().map(key).collect();
    assert_eq!(found, wanted);
}

#[test]
fn each_setting_says_where_it_came_from() {
    let mut environment = with_keys(&["NEAR_KEY"]);
    environment.vars.insert("TIMEOUT_MINUTES".to_owned(), "7".to_owned());
    let lines = lines(&shown(Some(WRITTEN), &environment));
    assert!(!lines.contains("hush") && !lines.contains("secret-of"), "{lines}");
    insta::assert_snapshot!(lines);
}

#[test]
fn what_was_found_is_told_from_what_was_written() {
    let mut environment = with_keys(&["OPENAI_API_KEY"]);
    environment.vars.insert("OLLAMA_HOST".to_owned(), "http://ada:hush@127.0.0.2:99".to_owned());
    environment.local.ollama = Some(vec!["qwen3".to_owned()]);
    let settings = shown(None, &environment);
    let lines = lines(&settings);
    assert!(!lines.contains("hush"), "{lines}");
    let of = |key: &str| lines.lines().find(|line| line.starts_with(key)).expect(key);
    insta::assert_snapshot!(
        [
            of("providers.ollama.base_url"),
            of("providers.openai.kind"),
            of("providers.openai.api_key_env"),
            of("models.openai/gpt-5.4.usd_per_million_input"),
            of("roles.planner.chain"),
            of("run.timeout"),
        ]
        .join("\n")
    );
}
