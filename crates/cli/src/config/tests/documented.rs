//! The documented config parses whole and is what the defaults are.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use model_providers::{Kind, OnRefusal};

use super::super::meant::*;
use super::*;

/// The documented block, without its provider of kind `command`.
const DOCUMENTED: &str = r#"
providers:
  opencode:  { kind: openai, base_url: "https://opencode.ai/zen/v1", api_key_env: OPENCODE_API_KEY, headers: {} }
  anthropic: { kind: anthropic, api_key_env: ANTHROPIC_API_KEY }
models:                                   # facts about a model, each optional; an unknown window counts as larger
  opencode/gpt-5-nano: { context_window: 400000, max_output_tokens: 128000, usd_per_million_input: 0.05, usd_per_million_output: 0.40, timeout: 120s }
roles:                                    # timeout: the whole chain's
  planner:  { chain: [opencode/gpt-5-nano, opencode/mixtral-8x7b, opencode/gpt-4-turbo], timeout: 5m }
  coder:    { chain: [opencode/codellama-7b, opencode/codellama-13b, opencode/gpt-5-nano], timeout: 10m }
  reviewer: { chain: [opencode/gpt-5-nano, opencode/mixtral-8x7b, opencode/gpt-4-turbo], timeout: 5m }
failover:        { enabled: true, max_models: 3, first_token_timeout: auto, idle_timeout: 60s, retry_after_wait: 3s, max_wait: 10s, repair_attempts: 1, on_refusal: next, hedge_after: null }
circuit_breaker: { enabled: true, failure_threshold: 5, reset_timeout: 60s, monitoring_window: 5m, consecutive_failures: 5, max_reset_timeout: 15m }
degradation:     { enabled: true, templates: null }        # a folder whose files replace the built-in templates by name
partial_success: { enabled: true, min_success_rate: 0.5 }  # off: all or nothing
agents:          { allow_outside: false, hand_over: facts }
run:             { parallel: 3, timeout: 23m, deadline_reserve: 20s, max_milestones: 10, milestone_retries: 2, fix_rounds: 2, branch: "belay/{idea}", base: null, update: none, push: null, setup_command: auto, test_command: auto, test_timeout: 10m, checks: auto, gate: milestone, test_env: [], confine: auto, min_confidence: 0.5, max_questions: 3 }
budget:          { max_usd: null, max_tokens: null, max_usd_per_day: null }
commit:          { author: null, hooks: true, sign: auto, subject: "Milestone {number}/{total}: {name}" }
context:         { files: [AGENTS.md, CLAUDE.md, CONTRIBUTING.md], deny: ["**/.env", "**/*.pem"], rounds: 3 }
guard:           { deny: [".git/**", ".github/workflows/**", ".husky/**", ".gitmodules", "**/CODEOWNERS", "**/.npmrc", "**/.env"], max_file_bytes: 1048576 }
github:          { enabled: auto, repository: null, token_env: GITHUB_TOKEN, api_url: null, pull_request: ready }   # ready | draft | none
store:           { kind: sqlite, path: null, mirror: null }                     # mirror: origin keeps the state on that remote too
"#;

fn documented() -> Loaded {
    loaded(DOCUMENTED, &with_keys(&["OPENCODE_API_KEY", "ANTHROPIC_API_KEY"]))
}

/// Everything but providers, models and chains.
fn sections(config: &Config) -> String {
    let Config {
        providers: _,
        models: _,
        roles,
        failover,
        max_response_bytes,
        circuit_breaker,
        degradation,
        partial_success,
        agents,
        run,
        budget,
        commit,
        context,
        guard,
        github,
        store,
    } = config;
    let timeouts = Role::ALL.map(|role| roles.get(role).timeout);
    format!(
        "{timeouts:?}{failover:?}{max_response_bytes:?}{circuit_breaker:?}{degradation:?}{partial_success:?}{agents:?}{run:?}\
         {budget:?}{commit:?}{context:?}{guard:?}{github:?}{store:?}"
    )
}

#[test]
fn the_documented_values_are_the_defaults() {
    let documented = documented();
    assert_eq!(documented.warnings, Vec::<String>::new());
    let nothing = load(None, &Environment::default()).unwrap();
    assert_eq!(sections(&documented.config), sections(&nothing.config));
}

#[test]
fn the_documented_values_are_these() {
    let config = documented().config;
    let minutes = Duration::from_mins;
    let seconds = Duration::from_secs;

    assert!(config.failover.enabled);
    assert_eq!(config.failover.max_models, 3);
    assert_eq!(config.failover.first_token_timeout, None);
    assert_eq!(config.failover.idle_timeout, seconds(60));
    assert_eq!(config.failover.retry_after_wait, seconds(3));
    assert_eq!(config.failover.max_wait, seconds(10));
    assert_eq!(config.failover.repair_attempts, 1);
    assert_eq!(config.failover.on_refusal, OnRefusal::Next);
    assert_eq!((config.failover.hedge_after, config.max_response_bytes), (None, None));
    assert_eq!(config.provider_settings(Path::new("/top")).max_response_bytes, 16 << 20);

    assert!(config.circuit_breaker.enabled);
    assert_eq!(config.circuit_breaker.failure_threshold, 5);
    assert_eq!(config.circuit_breaker.reset_timeout, seconds(60));
    assert_eq!(config.circuit_breaker.monitoring_window, minutes(5));
    assert_eq!(config.circuit_breaker.consecutive_failures, Some(5));
    assert_eq!(config.circuit_breaker.max_reset_timeout, minutes(15));

    assert_eq!(config.degradation, Degradation { enabled: true, templates: None });
    assert_eq!(config.partial_success, PartialSuccess { enabled: true, min_success_rate: 0.5 });
    let run = Run {
        parallel: 3,
        timeout: minutes(23),
        deadline_reserve: seconds(20),
        max_milestones: 10,
        milestone_retries: 2,
        fix_rounds: 2,
        branch: "belay/{idea}".to_owned(),
        base: None,
        update: Update::None,
        push: None,
        setup_command: ProjectCommand::Auto,
        test_command: ProjectCommand::Auto,
        test_timeout: minutes(10),
        checks: Checks::Auto,
        gate: Gate::Milestone,
        test_env: Vec::new(),
        confine: Confine::Auto,
        min_confidence: 0.5,
        max_questions: 3,
    };
    assert_eq!(config.run, run);
    assert_eq!((config.budget.max_usd, config.budget.max_tokens), (None, None));
    assert_eq!(config.budget.max_usd_per_day, None);
    assert_eq!(config.commit.author, None);
    assert!(config.commit.hooks);
    assert_eq!(config.commit.sign, Choice::Auto);
    assert_eq!(config.github.enabled, Choice::Auto);
    assert_eq!(config.github.token_env, "GITHUB_TOKEN");
    assert_eq!(config.github.pull_request, PullRequest::Ready);
    assert_eq!(config.store, Store { kind: StoreKind::Sqlite, path: None, mirror: None });
}

#[test]
fn the_documented_chains_and_providers_are_taken_as_written() {
    let loaded = documented();
    insta::assert_snapshot!(chains(&loaded), @"
    planner: opencode/gpt-5-nano opencode/mixtral-8x7b opencode/gpt-4-turbo
    coder: opencode/codellama-7b opencode/codellama-13b opencode/gpt-5-nano
    reviewer: opencode/gpt-5-nano opencode/mixtral-8x7b opencode/gpt-4-turbo
    ");
    let config = &loaded.config;
    assert_eq!(config.role_timeout(Role::Coder), Duration::from_mins(10));
    let opencode = &config.providers["opencode"];
    assert_eq!(opencode.endpoint.kind, Kind::OpenAi);
    assert_eq!(opencode.endpoint.base_url.as_str(), "https://opencode.ai/zen/v1");
    let anthropic = &config.providers["anthropic"];
    assert_eq!(anthropic.endpoint.kind, Kind::Anthropic);
    assert_eq!(anthropic.endpoint.base_url.as_str(), "https://api.anthropic.com/");
    let facts = &config.models[&"opencode/gpt-5-nano".parse().unwrap()];
    assert_eq!(facts.timeout, Some(Duration::from_secs(120)));
    assert_eq!(facts.context_window, Some(400_000));
}

#[test]
fn every_key_reaches_the_meant_form() {
    let text = r#"
providers:
  mine: { kind: openai, base_url: "http://127.0.0.1:9/v1", headers: { x-team: blue }, query: { version: "2" }, dialect: ollama, limits: { requests_per_minute: 60, tokens_per_minute: 90000, concurrency: 1 } }
models:
  mine/a: { context_window: 9, max_output_tokens: 8, usd_per_million_input: 7, usd_per_million_output: 6, timeout: 5s }
roles: { planner: { timeout: 4s } }
failover: { enabled: false, max_models: 2, first_token_timeout: 1s, idle_timeout: 2s, retry_after_wait: 0s, max_wait: 0s, repair_attempts: 0, on_refusal: stop, hedge_after: 20s, max_response_bytes: 2048 }
circuit_breaker: { enabled: false, failure_threshold: 2, reset_timeout: 20m, monitoring_window: 3d, consecutive_failures: 4 }
degradation: { enabled: false, templates: my/templates }
partial_success: { enabled: false, min_success_rate: 1 }
agents: { allow_outside: true, hand_over: none }
run: { parallel: 1, timeout: 10s, max_milestones: 2, milestone_retries: 0, fix_rounds: 0, branch: work, base: main, update: rebase, push: origin, setup_command: none, test_command: "make test", test_timeout: 1h, checks: [{ name: lint, run: make lint, kind: build, timeout: 5s, gate: end }], gate: end, test_env: [DATABASE_URL], confine: off, min_confidence: 0, max_questions: 0 }
budget: { max_usd: 4, max_tokens: 1000000, max_usd_per_day: 20 }
commit: { author: "Ada Lovelace <ada@example.com>", hooks: false, sign: true, subject: "{name} ({number} of {total})" }
context: { files: [], deny: [], rounds: 0 }
guard: { deny: ["a/**"], max_file_bytes: 10 }
github: { enabled: false, repository: owner/name, token_env: TOKEN, api_url: "https://git.example/api/v3", assignees: [ada], pull_request: none }
store: { kind: sqlite, path: state, mirror: origin }
"#;
    let mut config = loaded(text, &Environment::default()).config;
    let api_url = config.github.api_url.take().map(String::from);
    assert_eq!(api_url.as_deref(), Some("https://git.example/api/v3"));
    insta::assert_snapshot!(format!("{config:#?}"), @r#"
    Config {
        providers: {
            "mine": Provider {
                endpoint: Endpoint {
                    kind: OpenAi,
                    host: "127.0.0.1",
                    path: "/v1",
                    api_key: None,
                    headers: [
                        "x-team",
                    ],
                    program: None,
                    dialect: Some(
                        "ollama",
                    ),
                    limits: Limits {
                        requests_per_minute: Some(
                            60,
                        ),
                        tokens_per_minute: Some(
                            90000,
                        ),
                        concurrency: Some(
                            1,
                        ),
                    },
                },
                key_variable: None,
                is_detected: false,
            },
        },
        models: {
            ModelId {
                provider: "mine",
                name: "a",
            }: Facts {
                context_window: Some(
                    9,
                ),
                max_output_tokens: Some(
                    8,
                ),
                usd_per_million_input: Some(
                    7.0,
                ),
                usd_per_million_output: Some(
                    6.0,
                ),
                timeout: Some(
                    5s,
                ),
            },
        },
        roles: Roles {
            planner: RoleChain {
                chain: [
                    ModelId {
                        provider: "mine",
                        name: "a",
                    },
                ],
                left_out: [],
                timeout: 4s,
            },
            coder: RoleChain {
                chain: [
                    ModelId {
                        provider: "mine",
                        name: "a",
                    },
                ],
                left_out: [],
                timeout: 600s,
            },
            reviewer: RoleChain {
                chain: [
                    ModelId {
                        provider: "mine",
                        name: "a",
                    },
                ],
                left_out: [],
                timeout: 300s,
            },
        },
        failover: Failover {
            enabled: false,
            max_models: 2,
            first_token_timeout: Some(
                1s,
            ),
            idle_timeout: 2s,
            connect_timeout: 10s,
            retry_after_wait: 0ns,
            max_wait: 0ns,
            repair_attempts: 0,
            on_refusal: Stop,
            hedge_after: Some(
                20s,
            ),
        },
        max_response_bytes: Some(
            2048,
        ),
        circuit_breaker: Settings {
            enabled: false,
            failure_threshold: 2,
            monitoring_window: 259200s,
            consecutive_failures: Some(
                4,
            ),
            failure_rate: None,
            reset_timeout: 1200s,
            max_reset_timeout: 1200s,
            decay_interval: 300s,
            probes: 1,
            successes_to_close: 1,
            probe_deadline: 300s,
        },
        degradation: Degradation {
            enabled: false,
            templates: Some(
                "my/templates",
            ),
        },
        partial_success: PartialSuccess {
            enabled: false,
            min_success_rate: 1.0,
        },
        agents: WorkRules {
            allow_outside: true,
            hand_over: false,
        },
        run: Run {
            parallel: 1,
            timeout: 10s,
            deadline_reserve: 2.5s,
            max_milestones: 2,
            milestone_retries: 0,
            fix_rounds: 0,
            branch: "work",
            base: Some(
                "main",
            ),
            update: Rebase,
            push: Some(
                "origin",
            ),
            setup_command: None,
            test_command: Given(
                "make test",
            ),
            test_timeout: 3600s,
            checks: Given(
                [
                    Check {
                        name: "lint",
                        kind: Build,
                        command: "make lint",
                        timeout: Some(
                            5s,
                        ),
                        gate: Some(
                            End,
                        ),
                    },
                ],
            ),
            gate: End,
            test_env: [
                "DATABASE_URL",
            ],
            confine: Off,
            min_confidence: 0.0,
            max_questions: 0,
        },
        budget: BudgetLimits {
            max_usd: Some(
                4.0,
            ),
            max_tokens: Some(
                1000000,
            ),
            max_usd_per_day: Some(
                20.0,
            ),
        },
        commit: Commit {
            author: Some(
                Author {
                    name: "Ada Lovelace",
                    email: "ada@example.com",
                },
            ),
            hooks: false,
            sign: Always,
            subject: "{name} ({number} of {total})",
        },
        context: Context {
            files: [],
            deny: [],
            rounds: 0,
        },
        guard: Guard {
            deny: [
                "a/**",
            ],
            max_file_bytes: 10,
        },
        github: Github {
            enabled: Never,
            repository: Some(
                "owner/name",
            ),
            token_env: "TOKEN",
            api_url: None,
            assignees: [
                "ada",
            ],
            pull_request: None,
        },
        store: Store {
            kind: Sqlite,
            path: Some(
                "state",
            ),
            mirror: Some(
                "origin",
            ),
        },
    }
    "#);
}

#[test]
fn paths_stay_as_they_are_written() {
    let config = loaded("store: {path: ../state}\n", &Environment::default()).config;
    assert_eq!(config.store.path, Some(PathBuf::from("../state")));
}

#[test]
fn the_schema_knows_every_documented_key_and_no_other() {
    let schema = Config::json_schema();
    assert_eq!(schema["additionalProperties"], false);
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let documented: Vec<&str> = DOCUMENTED
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key))
        .collect();
    assert_eq!(keys, documented);
    let choice = &schema["$defs"]["Choice"];
    assert_eq!(choice["enum"], serde_json::json!([true, false, "auto"]), "{choice}");
}
