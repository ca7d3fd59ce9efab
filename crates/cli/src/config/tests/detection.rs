//! Which models are asked when the config does not say, on machines of all kinds.

use insta::assert_snapshot;

use super::*;

const ALL: [&str; 5] = [
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "OPENROUTER_API_KEY",
    "OPENCODE_API_KEY",
];

fn names(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn each_key_alone_gives_three_models_for_each_role() {
    let all: Vec<String> = ALL
        .iter()
        .map(|key| {
            let loaded = load(None, &with_keys(&[key])).unwrap();
            assert_eq!(loaded.warnings, Vec::<String>::new());
            for role in Role::ALL {
                assert_eq!(loaded.config.chain(role).len(), 3, "{key} {role}");
            }
            chains(&loaded)
        })
        .collect();
    assert_snapshot!(all.join("\n"), @"
    planner: openai/gpt-5.4 openai/gpt-5.5 openai/gpt-5.4-mini
    coder: openai/gpt-5.4 openai/gpt-5.4-mini openai/gpt-5.5
    reviewer: openai/gpt-5.4-mini openai/gpt-5.4 openai/gpt-5.4-nano
    planner: anthropic/claude-sonnet-5 anthropic/claude-opus-4-8 anthropic/claude-haiku-4-5
    coder: anthropic/claude-sonnet-5 anthropic/claude-opus-4-8 anthropic/claude-haiku-4-5
    reviewer: anthropic/claude-haiku-4-5 anthropic/claude-sonnet-5 anthropic/claude-opus-4-8
    planner: gemini/gemini-2.5-pro gemini/gemini-3.5-flash gemini/gemini-2.5-flash
    coder: gemini/gemini-3.5-flash gemini/gemini-2.5-pro gemini/gemini-2.5-flash
    reviewer: gemini/gemini-2.5-flash gemini/gemini-3.5-flash gemini/gemini-3.1-flash-lite
    planner: openrouter/anthropic/claude-sonnet-5 openrouter/openai/gpt-5.4 openrouter/google/gemini-3.5-flash
    coder: openrouter/anthropic/claude-sonnet-5 openrouter/openai/gpt-5.4 openrouter/google/gemini-3.5-flash
    reviewer: openrouter/openai/gpt-5.4-mini openrouter/anthropic/claude-haiku-4.5 openrouter/google/gemini-3.5-flash
    planner: opencode/kimi-k2.6 opencode/glm-5.1 opencode/minimax-m2.7
    coder: opencode/kimi-k2.6 opencode/glm-5.1 opencode/minimax-m2.7
    reviewer: opencode/glm-5.1 opencode/kimi-k2.6 opencode/minimax-m2.7
    ");
}

#[test]
fn several_keys_take_turns_so_that_a_fallback_has_another_credential() {
    for count in 2..=ALL.len() {
        let loaded = load(None, &with_keys(&ALL[..count])).unwrap();
        for role in Role::ALL {
            let chain = loaded.config.chain(role);
            assert_eq!(chain.len(), 3, "{count} {role}");
            assert_ne!(chain[0].provider, chain[1].provider, "{count} {role}");
        }
    }
    let loaded = load(None, &with_keys(&["OPENCODE_API_KEY", "ANTHROPIC_API_KEY"])).unwrap();
    assert_snapshot!(chains(&loaded), @"
    planner: anthropic/claude-sonnet-5 opencode/kimi-k2.6 anthropic/claude-opus-4-8
    coder: anthropic/claude-sonnet-5 opencode/kimi-k2.6 anthropic/claude-opus-4-8
    reviewer: anthropic/claude-haiku-4-5 opencode/glm-5.1 anthropic/claude-sonnet-5
    ");
}

#[test]
fn a_made_chain_has_as_many_models_as_failover_asks() {
    for (most, expected) in [(1, 1), (2, 2), (5, 5), (20, 6)] {
        let text = format!("failover: {{max_models: {most}}}\n");
        let loaded = loaded(&text, &with_keys(&["OPENAI_API_KEY", "GEMINI_API_KEY"]));
        assert_eq!(loaded.config.chain(Role::Coder).len(), expected, "{most}");
    }
}

#[test]
fn a_local_server_is_asked_for_what_it_has() {
    let mut environment = Environment::default();
    environment.local.ollama = names(&[
        "nomic-embed-text:latest",
        "llama3.2:3b",
        "gemma3:4b",
        "qwen3-coder:30b",
        "qwen2.5-coder:7b",
    ]);
    let loaded = load(None, &environment).unwrap();
    assert_snapshot!(chains(&loaded), @"
    planner: ollama/qwen3-coder:30b ollama/qwen2.5-coder:7b ollama/llama3.2:3b
    coder: ollama/qwen3-coder:30b ollama/qwen2.5-coder:7b ollama/llama3.2:3b
    reviewer: ollama/qwen3-coder:30b ollama/qwen2.5-coder:7b ollama/llama3.2:3b
    ");
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let ollama = &loaded.config.providers["ollama"];
    assert_eq!(ollama.endpoint.base_url.as_str(), "http://127.0.0.1:11434/v1");
    assert!(ollama.is_usable());
}

#[test]
fn local_servers_stand_behind_keys_and_take_turns_too() {
    let mut environment = with_keys(&["OPENCODE_API_KEY"]);
    environment.local.ollama = names(&["qwen3:8b"]);
    environment.local.llama_cpp = names(&["/models/some.gguf"]);
    let loaded = load(None, &environment).unwrap();
    assert_snapshot!(chain(&loaded, Role::Planner), @"opencode/kimi-k2.6 ollama/qwen3:8b llama-cpp//models/some.gguf");
}

#[test]
fn a_local_server_without_models_is_none() {
    let mut environment = Environment::default();
    environment.local.ollama = names(&[]);
    environment.local.llama_cpp = names(&["", "bge-small"]);
    let loaded = load(None, &environment).unwrap();
    assert!(loaded.config.providers.is_empty());
}

#[test]
fn with_nothing_templates_alone_answer_and_it_is_said() {
    let environment = Environment {
        programs: vec!["codex".to_owned(), "claude".to_owned()],
        ..Environment::default()
    };
    let loaded = load(None, &environment).unwrap();
    assert_snapshot!(chains(&loaded), @"
    planner: 
    coder: 
    reviewer:
    ");
    assert_snapshot!(loaded.warnings.join("\n"), @"no model was found, templates alone answer: set one of OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, OPENROUTER_API_KEY, OPENCODE_API_KEY, or start Ollama; or log in to a program that was found (codex, claude), whose login cannot be seen");
}

/// A machine with these programs, those with a login named by preset.
fn with_programs(programs: &[&str], logins: &[(&str, &[&str])]) -> Environment {
    let login = |(preset, sources): &(&str, &[&str])| {
        let sources = sources.iter().map(|source| (*source).to_owned()).collect();
        ((*preset).to_owned(), Login { kind: "an account".to_owned(), id: None, sources })
    };
    Environment {
        programs: programs.iter().map(|name| (*name).to_owned()).collect(),
        logins: logins.iter().map(login).collect(),
        ..Environment::default()
    }
}

/// The most wanted first: a key is there to be used, a login is worth more than what a machine
/// can do by itself.
#[test]
fn programs_with_a_login_stand_behind_keys_and_before_local_servers() {
    let logins: [(&str, &[&str]); 2] = [("codex", &[]), ("claude-code", &[])];
    let mut environment = with_programs(&["claude", "codex"], &logins);
    environment.local.ollama = names(&["qwen3:8b"]);
    let text = "failover: {max_models: 5}\n";
    assert_snapshot!(chains(&loaded(text, &environment)), @"
    planner: claude-code/claude-sonnet-5 codex/gpt-5.4 ollama/qwen3:8b claude-code/claude-opus-4-8 codex/gpt-5.5
    coder: claude-code/claude-sonnet-5 codex/gpt-5.4 ollama/qwen3:8b claude-code/claude-opus-4-8 codex/gpt-5.5
    reviewer: claude-code/claude-haiku-4-5 codex/gpt-5.4-mini ollama/qwen3:8b claude-code/claude-sonnet-5 codex/gpt-5.4
    ");
    environment.vars = with_keys(&["GEMINI_API_KEY"]).vars;
    let loaded = load(None, &environment).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_snapshot!(chains(&loaded), @"
    planner: gemini/gemini-2.5-pro claude-code/claude-sonnet-5 codex/gpt-5.4
    coder: gemini/gemini-3.5-flash claude-code/claude-sonnet-5 codex/gpt-5.4
    reviewer: gemini/gemini-2.5-flash claude-code/claude-haiku-4-5 codex/gpt-5.4-mini
    ");
    let codex =
        loaded.config.provider_settings(std::path::Path::new("/")).endpoints["codex"].clone();
    let program = codex.program.unwrap();
    assert_eq!(program.command[0], "codex");
    assert!(codex.api_key.is_none() && !program.env.contains_key("GEMINI_API_KEY"));
}

#[test]
fn a_program_without_a_login_or_a_login_without_its_program_is_left_out() {
    let environment =
        with_programs(&["gemini", "opencode"], &[("codex", &[]), ("opencode", &["anthropic"])]);
    let loaded = load(None, &environment).unwrap();
    let names: Vec<&String> = loaded.config.providers.keys().collect();
    assert_eq!(names, ["opencode-cli"]);
}

#[test]
fn opencode_is_asked_for_the_models_that_it_is_logged_in_for() {
    let sources: &[&str] = &["anthropic", "of-tomorrow", "ollama", "openai"];
    let environment = with_programs(&["opencode"], &[("opencode", sources)]);
    let loaded = load(None, &environment).unwrap();
    assert_snapshot!(chains(&loaded), @"
    planner: opencode-cli/anthropic/claude-sonnet-5 opencode-cli/openai/gpt-5.4 opencode-cli/anthropic/claude-opus-4-8
    coder: opencode-cli/anthropic/claude-sonnet-5 opencode-cli/openai/gpt-5.4 opencode-cli/anthropic/claude-opus-4-8
    reviewer: opencode-cli/anthropic/claude-haiku-4-5 opencode-cli/openai/gpt-5.4-mini opencode-cli/anthropic/claude-sonnet-5
    ");
    let facts = &loaded.config.models[&loaded.config.chain(Role::Coder)[0]];
    assert!(facts.context_window.is_some());
}

/// Somebody's limit in dollars is no reason to refuse a config since a program was installed.
#[test]
fn a_limit_in_dollars_is_kept_with_detected_programs() {
    let logins: [(&str, &[&str]); 3] = [("codex", &[]), ("claude-code", &[]), ("gemini-cli", &[])];
    let environment = with_programs(&["claude", "codex", "gemini"], &logins);
    loaded("budget: {max_usd: 4}\nfailover: {max_models: 20}\n", &environment);
}

/// The models of a program that the config names and says no more of.
#[test]
fn a_configured_program_is_asked_for_its_usual_models() {
    let text = "providers: {mine: {kind: command, preset: codex}}\n";
    assert_snapshot!(chains(&loaded(text, &Environment::default())), @"
    planner: mine/gpt-5.4 mine/gpt-5.5 mine/gpt-5.4-mini
    coder: mine/gpt-5.4 mine/gpt-5.5 mine/gpt-5.4-mini
    reviewer: mine/gpt-5.4-mini mine/gpt-5.4 mine/gpt-5.5
    ");
}

#[test]
fn an_empty_key_is_no_key() {
    for value in ["", "  \n", "a key", "\u{1b}[31m", "schlüssel"] {
        let mut environment = Environment::default();
        environment.vars.insert("OPENAI_API_KEY".to_owned(), value.to_owned());
        let loaded = load(None, &environment).unwrap();
        assert!(loaded.config.providers.is_empty(), "{value:?}");
    }
}

#[test]
fn a_key_is_taken_without_its_line_end() {
    let mut environment = Environment::default();
    environment.vars.insert("OPENAI_API_KEY".to_owned(), "sk-1\n".to_owned());
    let loaded = load(None, &environment).unwrap();
    let key = loaded.config.providers["openai"].endpoint.api_key.as_ref().unwrap();
    assert_eq!(key.expose(), "sk-1");
}

#[test]
fn configured_providers_are_all_there_are() {
    let text = "providers:\n  anthropic: {kind: anthropic, api_key_env: ANTHROPIC_API_KEY}\n";
    let loaded = loaded(text, &with_keys(&ALL));
    assert_snapshot!(chains(&loaded), @"
    planner: anthropic/claude-sonnet-5 anthropic/claude-opus-4-8 anthropic/claude-haiku-4-5
    coder: anthropic/claude-sonnet-5 anthropic/claude-opus-4-8 anthropic/claude-haiku-4-5
    reviewer: anthropic/claude-haiku-4-5 anthropic/claude-sonnet-5 anthropic/claude-opus-4-8
    ");
    assert!(!loaded.wants_local_servers);
}

#[test]
fn no_providers_on_purpose_is_not_detection() {
    let loaded = loaded("providers: {}\n", &with_keys(&ALL));
    assert!(loaded.config.chain(Role::Coder).is_empty());
    assert!(!loaded.wants_local_servers);
}

#[test]
fn listed_models_make_the_chains_in_the_order_in_which_they_stand() {
    let text = "
providers:
  one: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}
  two: {kind: openai, base_url: 'http://127.0.0.1:2/v1'}
models:
  two/z: {context_window: 1000}
  one/b: {}
  one/a:
";
    assert_snapshot!(chains(&loaded(text, &Environment::default())), @"
    planner: two/z one/b one/a
    coder: two/z one/b one/a
    reviewer: two/z one/b one/a
    ");
}

#[test]
fn listed_models_come_before_those_known_of_other_providers() {
    let text = "
providers:
  mine: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}
  cloud: {kind: openai, base_url: 'https://api.openai.com/v1/', api_key_env: OPENAI_API_KEY}
models:
  mine/a:
";
    assert_snapshot!(chain(&loaded(text, &with_keys(&ALL)), Role::Coder), @"mine/a cloud/gpt-5.4 cloud/gpt-5.4-mini");
}

#[test]
fn a_provider_of_which_nothing_is_known_is_named() {
    let text = "providers:\n  mine: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}\n";
    let loaded = loaded(text, &Environment::default());
    assert!(loaded.config.chain(Role::Coder).is_empty());
    assert_snapshot!(loaded.warnings.join("\n"), @"belay.yaml:2:9: providers.mine: no model of it is known: list some under `models`, or write the chains of `roles`");
}

#[test]
fn one_written_role_leaves_the_others_to_detection() {
    let text = "roles:\n  coder: {chain: [openai/gpt-5-nano]}\n  reviewer: {chain: []}\n";
    let loaded = loaded(text, &with_keys(&["OPENAI_API_KEY"]));
    assert_snapshot!(chains(&loaded), @"
    planner: openai/gpt-5.4 openai/gpt-5.5 openai/gpt-5.4-mini
    coder: openai/gpt-5-nano
    reviewer:
    ");
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert!(loaded.wants_local_servers);
}

#[test]
fn facts_are_known_by_the_address_and_the_config_wins() {
    let text = "
providers:
  cloud: {kind: openai, base_url: 'https://api.openai.com/v1', api_key_env: OPENAI_API_KEY}
  other: {kind: openai, base_url: 'https://elsewhere.example/v1'}
models:
  cloud/gpt-5.4: {context_window: 1000}
  other/gpt-5.4: {}
";
    let config = loaded(text, &with_keys(&ALL)).config;
    let of = |name: &str| config.models[&name.parse().unwrap()].clone();
    assert_eq!(of("cloud/gpt-5.4").context_window, Some(1000));
    assert_eq!(of("cloud/gpt-5.4").usd_per_million_input, Some(2.5));
    assert_eq!(of("other/gpt-5.4").usd_per_million_input, None);
}

/// Trap 22: an unknown price never counts as nothing.
#[test]
fn a_limit_in_dollars_is_taken_where_every_price_is_known() {
    let mut environment = with_keys(&ALL);
    environment.local.ollama = names(&["qwen3:8b"]);
    let text = "budget: {max_usd: 4}\nfailover: {max_models: 20}\n";
    assert_eq!(loaded(text, &environment).config.budget.max_usd, Some(4.0));
}
