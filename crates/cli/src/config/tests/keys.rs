//! Keys that are not set: a warning while another model can be asked, an error when none can.

use std::path::Path;

use insta::assert_snapshot;

use super::*;

const TWO: &str = "
providers:
  cloud: {kind: openai, base_url: 'https://cloud.example/v1', api_key_env: CLOUD_KEY}
  spare:
    kind: openai
    base_url: https://spare.example/v1
    api_key_env: SPARE_KEY
  here: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}
";

#[test]
fn a_model_without_its_key_is_left_out_with_a_warning() {
    let text = format!(
        "{TWO}roles: {{planner: {{chain: [cloud/a, spare/b, here/c]}}, coder: {{chain: [spare/b, cloud/d]}}, reviewer: {{chain: []}}}}\n"
    );
    let loaded = loaded(&text, &with_keys(&["SPARE_KEY"]));
    assert_snapshot!(chains(&loaded), @"
    planner: spare/b here/c
    coder: spare/b
    reviewer:
    ");
    assert_snapshot!(loaded.warnings.join("\n"), @"belay.yaml:3:76: providers.cloud.api_key_env: CLOUD_KEY is not set, so no chain has cloud/a, cloud/d");
    let endpoints: Vec<String> =
        loaded.config.provider_settings(Path::new("/top")).endpoints.into_keys().collect();
    assert_eq!(endpoints, ["here", "spare"]);
}

#[test]
fn a_role_without_any_model_left_is_an_error_that_names_the_variable() {
    let mut empty = with_keys(&[]);
    empty.vars.insert("CLOUD_KEY".to_owned(), String::new());
    let text = format!("{TWO}roles:\n  coder:\n    chain: [cloud/a, spare/b]\n");
    assert_snapshot!(refusal(&text, &empty), @"belay.yaml:11:12: roles.coder.chain: no model is left for the coder: CLOUD_KEY is empty, SPARE_KEY is not set");
    let text =
        "providers:\n  anthropic:\n    kind: anthropic\n    api_key_env: ANTHROPIC_API_KEY\n";
    assert_snapshot!(refusal(text, &Environment::default()), @"belay.yaml:4:18: providers.anthropic.api_key_env: no model is left for the planner: ANTHROPIC_API_KEY is not set");
    let text = "roles: {coder: {chain: [anthropic/claude-sonnet-5]}}\n";
    assert_snapshot!(refusal(text, &with_keys(&["OPENAI_API_KEY"])), @"belay.yaml:1:24: roles.coder.chain: no model is left for the coder: ANTHROPIC_API_KEY is not set");
}

#[test]
fn a_well_known_provider_in_a_chain_is_asked_for_its_key_by_name() {
    let text =
        "roles:\n  coder: {chain: [openai/gpt-5.4, anthropic/claude-sonnet-5, ollama/qwen3]}\n";
    let loaded = loaded(text, &with_keys(&["OPENAI_API_KEY"]));
    assert_snapshot!(chain(&loaded, Role::Coder), @"openai/gpt-5.4 ollama/qwen3");
    assert_snapshot!(loaded.warnings.join("\n"), @"belay.yaml:1:1: roles: ANTHROPIC_API_KEY is not set, so no chain has anthropic/claude-sonnet-5");
}

#[test]
fn a_model_that_stands_twice_is_asked_once() {
    let text = format!(
        "{TWO}roles:\n  coder:\n    chain:\n      - here/a\n      - here/b\n      - here/a\n  planner: {{chain: []}}\n  reviewer: {{chain: []}}\n"
    );
    let loaded = loaded(&text, &with_keys(&["CLOUD_KEY", "SPARE_KEY"]));
    assert_eq!(chain(&loaded, Role::Coder), "here/a here/b");
    assert_snapshot!(loaded.warnings.join("\n"), @"belay.yaml:14:9: roles.coder.chain[2]: here/a stands in this chain already and is asked once");
}

#[test]
fn a_chain_that_is_longer_than_failover_goes_is_kept_and_told() {
    let text = "failover: {max_models: 1}\nroles: {coder: {chain: [openai/a, openai/b]}, planner: {chain: []}, reviewer: {chain: []}}\n";
    let loaded = loaded(text, &with_keys(&["OPENAI_API_KEY"]));
    assert_eq!(chain(&loaded, Role::Coder), "openai/a openai/b");
    assert_snapshot!(loaded.warnings.join("\n"), @"belay.yaml:2:24: roles.coder.chain: of these models one request asks at most 1, as failover.max_models says");
}

#[test]
fn nothing_shows_a_key() {
    let mut environment = with_keys(&["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]);
    environment.vars.insert("OTHER".to_owned(), "secret-too".to_owned());
    let text = "providers:\n  openai: {kind: openai, api_key_env: OPENAI_API_KEY, headers: {authorization: secret-header}}\n";
    let loaded = loaded(text, &environment);
    for shown in [
        format!("{environment:?}"),
        format!("{loaded:?}"),
        format!("{:?}", loaded.config.provider_settings(Path::new("/top"))),
    ] {
        assert!(!shown.contains("secret-"), "{shown}");
    }
}
