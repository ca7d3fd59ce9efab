//! Programs as providers.

use std::path::Path;

use insta::assert_snapshot;
use model_providers::{Class, Input, Kind, Program};

use super::*;

fn program(text: &str, environment: &Environment) -> Program {
    let loaded = loaded(text, environment);
    let endpoints = loaded.config.provider_settings(Path::new("/top")).endpoints;
    let endpoint = endpoints.values().next().unwrap();
    assert_eq!(endpoint.kind, Kind::Command);
    endpoint.program.as_deref().unwrap().clone()
}

const ROLES: &str =
    "roles: { planner: { chain: [a/m] }, coder: { chain: [a/m] }, reviewer: { chain: [a/m] } }\n";

#[test]
fn every_preset_is_taken() {
    for name in ["opencode", "claude-code", "codex", "gemini-cli"] {
        let text = format!("providers: {{ a: {{ kind: command, preset: {name} }} }}\n{ROLES}");
        let found = program(&text, &Environment::default());
        assert_eq!(found.folders, Path::new("/tmp"), "{name}");
        assert!(!found.isolate_home, "{name}");
    }
}

#[test]
fn a_command_of_ones_own_is_looked_for_at_the_top() {
    for (command, first, input) in [
        ("[./my-agent.sh, \"{prompt}\"]", "/top/./my-agent.sh", Input::Argument),
        ("[/opt/agent, \"{file}\"]", "/opt/agent", Input::File),
        ("[agent, \"{model}\"]", "agent", Input::Stdin),
    ] {
        let text = format!("providers: {{ a: {{ kind: command, command: {command} }} }}\n{ROLES}");
        let found = program(&text, &Environment::default());
        assert_eq!((found.command[0].as_str(), found.input), (first, input));
    }
}

#[test]
fn failures_of_a_command_of_ones_own_have_names() {
    let text = format!(
        "providers: {{ a: {{ kind: command, command: [agent], output: events, exits: {{ 3: rate_limited, 7: auth }}, errors: {{ quota exceeded: quota_exhausted }}, max_steps: 40 }} }}\n{ROLES}"
    );
    let found = program(&text, &Environment::default());
    let exits: Vec<(i32, Class)> = found.exits.into_iter().collect();
    assert_eq!(exits, [(3, Class::RateLimited), (7, Class::Auth)]);
    assert_eq!(found.errors["quota exceeded"], Class::QuotaExhausted);
    assert_eq!(found.max_steps, Some(40));
}

/// The key of another provider, and what nobody named, stay here.
#[test]
fn only_named_variables_pass() {
    let mut environment = with_keys(&["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MY_FLAG", "OTHER"]);
    environment.vars.insert("PATH".to_owned(), "/bin".to_owned());
    environment.vars.insert("LC_ALL".to_owned(), "C".to_owned());
    let text = format!(
        "providers: {{ a: {{ kind: command, command: [agent], api_key_env: OPENAI_API_KEY, env: [MY_FLAG] }} }}\n{ROLES}"
    );
    let found = program(&text, &environment);
    let names: Vec<&String> = found.env.keys().collect();
    assert_eq!(names, ["LC_ALL", "MY_FLAG", "PATH"]);
    assert_eq!(found.key_variable.as_deref(), Some("OPENAI_API_KEY"));
}

/// A limit in dollars can be kept with what a program says it cost.
#[test]
fn under_a_limit_in_dollars_only_a_program_that_tells_no_cost_needs_a_price() {
    let text = |preset| {
        format!(
            "budget: {{ max_usd: 2 }}\nproviders: {{ a: {{ kind: command, preset: {preset} }} }}\n{ROLES}"
        )
    };
    loaded(&text("claude-code"), &Environment::default());
    loaded(&text("opencode"), &Environment::default());
    let refused = refusal(&text("codex"), &Environment::default());
    assert!(refused.contains("needs the price of every model, and a/m has none"), "{refused}");
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    assert_snapshot!(refusals(&[
        "providers:\n  a: {kind: command}\n",
        "providers:\n  a: {kind: command, preset: codx}\n",
        "providers:\n  a: {kind: command, preset: aider}\n",
        "providers:\n  a: {kind: comand, preset: codex}\n",
        "providers:\n  a: {kind: command, preset: codex, command: [b]}\n",
        "providers:\n  a: {kind: command, preset: codex, input: stdin}\n",
        "providers:\n  a: {kind: command, preset: codex, base_url: \"https://a.example\"}\n",
        "providers:\n  a: {kind: command, command: []}\n",
        "providers:\n  a: {kind: command, command: [b], input: file}\n",
        "providers:\n  a: {kind: command, command: [b], output: json}\n",
        "providers:\n  a: {kind: command, command: [b], env: [\"A=b\"]}\n",
        "providers:\n  a: {kind: openai, base_url: \"https://a.example\", env: [A]}\n",
        "providers:\n  a: {kind: openai, base_url: \"https://a.example\", exits: {3: auth}}\n",
        "providers:\n  a: {kind: command, preset: codex, exits: {3: auth}}\n",
        "providers:\n  a: {kind: command, command: [b], exits: {0: auth}}\n",
        "providers:\n  a: {kind: command, command: [b], exits: {three: auth}}\n",
        "providers:\n  a: {kind: command, command: [b], exits: {3: rate_limit}}\n",
        "providers:\n  a: {kind: command, command: [b], exits: [3]}\n",
        "providers:\n  a: {kind: command, command: [b], errors: {\"429\": rate_limited}}\n",
        "providers:\n  a: {kind: command, command: [b], errors: {quota exceeded: timeout}}\n",
        "providers:\n  a: {kind: command, command: [b], max_steps: 3}\n",
        "providers:\n  a: {kind: command, preset: opencode, max_steps: 0}\n",
    ]), @r#"
    belay.yaml:2:3: providers.a: `preset` or `command` is missing, for example `preset: codex` or `command: ["./my-agent.sh", "{prompt}"]`
    belay.yaml:2:30: providers.a.preset: `codx` is no preset, did you mean `codex`?
    belay.yaml:2:30: providers.a.preset: `aider` is no preset, expected one of `opencode`, `claude-code`, `codex`, `gemini-cli`
    belay.yaml:2:13: providers.a.kind: `comand` is not a choice here, did you mean `command`?
    belay.yaml:2:46: providers.a.command: cannot stand beside `preset`
    belay.yaml:2:44: providers.a.input: belongs to `command`; a preset knows its own
    belay.yaml:2:47: providers.a.base_url: belongs to a server, not to kind `command`
    belay.yaml:2:31: providers.a.command: must begin with a program
    belay.yaml:2:43: providers.a.input: needs an argument with `{file}` in `command`
    belay.yaml:2:44: providers.a.output: `json` is not a choice here, expected one of `text`, `events`
    belay.yaml:2:42: providers.a.env[0]: must be the name of an environment variable (letters, digits, `_`), never the key itself
    belay.yaml:2:57: providers.a.env: belongs to kind `command` only
    belay.yaml:2:59: providers.a.exits: belongs to kind `command` only
    belay.yaml:2:44: providers.a.exits: belongs to `command`; a preset knows its own
    belay.yaml:2:47: providers.a.exits.0: is no exit status of a failure, which is from 1 to 255
    belay.yaml:2:51: providers.a.exits.three: is no exit status of a failure, which is from 1 to 255
    belay.yaml:2:47: providers.a.exits.3: `rate_limit` is not a choice here, did you mean `rate_limited`?
    belay.yaml:2:43: providers.a.exits: must be a mapping of keys to values
    belay.yaml:2:52: providers.a.errors.429: must be a part of one line, from 4 to 200 characters long
    belay.yaml:2:61: providers.a.errors.quota exceeded: `timeout` is not a choice here, expected one of `auth`, `rate_limited`, `quota_exhausted`, `context_overflow`, `refused`, `unavailable`
    belay.yaml:2:47: providers.a.max_steps: needs `output: events`, whose lines tell of steps
    belay.yaml:2:51: providers.a.max_steps: must be from 1 to 100000, is 0
    "#);
}
