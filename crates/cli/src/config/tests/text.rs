//! What is not a config at all: broken, empty, huge or hostile text.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

#[test]
fn broken_text_is_reported_as_such() {
    assert_snapshot!(refusals(&[
        "run: [\n",
        "run: {parallel: 3\n",
        "run: \"abc\n",
        "run:\n\tparallel: 3\n",
        "run:\n  parallel: 3\n timeout: 5m\n",
        "run: {parallel: 3} {timeout: 5m}\n",
        "run: a: b\n",
        "run:\n  parallel: 1\u{0}\n",
        "run: {}\n---\nrun: {}\n",
        "run: *there\n",
        "%YAML 3.0\n---\nrun: {}\n",
    ]), @r"
    belay.yaml:1:6: this is not YAML: unclosed bracket '['
    belay.yaml:1:6: this is not YAML: unclosed bracket '{'
    belay.yaml:1:6: this is not YAML: unclosed quote
    belay.yaml:2:2: this is not YAML: tabs disallowed within this context (block indentation)
    belay.yaml:3:2: this is not YAML: while parsing a block mapping, did not find expected key
    belay.yaml:1:20: this is not YAML: while parsing a block mapping, did not find expected key
    belay.yaml:1:7: this is not YAML: mapping values are not allowed in this context
    belay.yaml:2:14: this is not YAML: unexpected character: `\u{0}'
    belay.yaml:3:1: a second document begins here; a config is one document
    belay.yaml:1:6: this alias names an anchor that does not exist
    belay.yaml:1:1: this is not YAML: unsupported YAML major version
    ");
}

#[test]
fn keys_written_twice_are_refused() {
    assert_snapshot!(refusals(&[
        "run: {}\nbudget: {}\nrun: {}\n",
        "run:\n  parallel: 3\n  timeout: 5m\n  parallel: 4\n",
        "providers:\n  a: {kind: openai, base_url: \"https://a.example\"}\n  a: {kind: anthropic}\n",
        "models:\n  openai/a: {}\n  openai/a: {}\n",
    ]), @"
    belay.yaml:3:1: run: this key is written twice
    belay.yaml:4:3: run.parallel: this key is written twice
    belay.yaml:3:3: providers.a: this key is written twice
    belay.yaml:3:3: models.openai/a: this key is written twice
    ");
}

#[test]
fn text_that_says_nothing_has_the_defaults() {
    let nothing = format!("{:?}", load(None, &Environment::default()).unwrap().config);
    for text in [
        "",
        "\n\n",
        "# only\n# comments\n",
        "---\n",
        "---\n# a\n...\n",
        "{}",
        "null",
        "~\n",
        "\u{feff}",
        "run:\n",
        "run: null\n",
        "run: {timeout: null}\n",
        "roles: {planner: null}\n",
    ] {
        let config = loaded(text, &Environment::default()).config;
        assert_eq!(format!("{config:?}"), nothing, "{text:?}");
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_matter() {
    let text = "\u{feff}run:\r\n  parallel: 2\r\n  timeout: 5m\r\n";
    assert_eq!(loaded(text, &Environment::default()).config.run.parallel, 2);
    assert_snapshot!(refusal("\u{feff}run:\r\n  parallel: 2\r\n  timeot: 5m\r\n", &Environment::default()), @"belay.yaml:3:3: run.timeot: unknown key, did you mean `timeout`?");
}

#[test]
fn anchors_may_be_used_and_errors_in_them_have_a_place() {
    let text = "roles:\n  planner: &same\n    chain: []\n    timeout: 7m\n  coder: *same\n  reviewer: {<<: *same, timeout: 8m}\n";
    let config = loaded(text, &Environment::default()).config;
    let minutes = Role::ALL.map(|role| config.role_timeout(role).as_secs() / 60);
    assert_eq!(minutes, [7, 7, 8]);
    assert_snapshot!(refusals(&[
        "run: &run\n  parallel: 3\nfailover: *run\n",
        "roles:\n  planner: &same\n    timeout: 7\n  coder: *same\n",
    ]), @"
    belay.yaml:3:11: failover.parallel: unknown key, expected one of `enabled`, `max_models`, `first_token_timeout`, `idle_timeout`, `retry_after_wait`, `max_wait`, `repair_attempts`, `on_refusal`, `hedge_after`, `max_response_bytes`
    belay.yaml:3:14: roles.planner.timeout: `7` is not a duration: the unit after `7` is missing; write for example `30s`, `5m` or `1m30s`
    ");
}

/// Nine to the power of seven strings, were it unfolded.
#[test]
fn a_nest_of_aliases_is_not_unfolded() {
    let mut text = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, below) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
        let entries = vec![format!("*{below}"); 9].join(",");
        text.push_str(&format!("{name}: &{name} [{entries}]\n"));
    }
    assert_snapshot!(refusal(&text, &Environment::default()), @"belay.yaml:5:11: this is nested or repeated far beyond any config");
}

#[test]
fn a_deep_nest_is_refused() {
    let deep = 100_000;
    assert_snapshot!(refusals(&[
        &format!("run: {}{}\n", "[".repeat(deep), "]".repeat(deep)),
        &format!("run: {}", "{a: ".repeat(deep)),
        &"- ".repeat(deep),
        &"? ".repeat(deep),
        &format!("run:\n{}", "- ".repeat(deep)),
        &format!("run: {}\n", "[".repeat(20) + &"]".repeat(20)),
    ]), @"
    belay.yaml:1:261: this is nested or repeated far beyond any config
    belay.yaml:1:66: this is nested or repeated far beyond any config
    belay.yaml:1:33: this is nested or repeated far beyond any config
    belay.yaml:1:33: this is nested or repeated far beyond any config
    belay.yaml:2:31: this is nested or repeated far beyond any config
    belay.yaml:1:21: this is nested or repeated far beyond any config
    ");
}

#[test]
fn ten_megabytes_are_refused_unread() {
    let text = "# a comment\n".repeat(10 * 1024 * 1024 / 12);
    assert_snapshot!(refusal(&text, &Environment::default()), @"belay.yaml: the file has more than the 1048576 bytes that a config may have");
}

#[test]
fn a_message_stays_one_short_line_whatever_the_file_holds() {
    let long = "x".repeat(10_000);
    for text in [
        format!("{long}: 1\n"),
        format!("run: {{timeout: {long}}}\n"),
        format!("failover: {{on_refusal: {long}}}\n"),
        format!("roles: {{planner: {{chain: [{long}]}}}}\n"),
        format!("guard: {{deny: [\"[{long}\"]}}\n"),
        format!("commit: {{subject: \"{{{long}}}\"}}\n"),
        format!("models: {{{long}: {{}}}}\n"),
        "\"a\\nb\": 1\n".to_owned(),
        "run: {timeout: \"5\\nm\"}\n".to_owned(),
    ] {
        let line = refusal(&text, &Environment::default());
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.chars().count() < 500, "{} characters: {line}", line.chars().count());
    }
}

/// Pieces of configs, so that a random text comes further than a random byte does.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("run:".to_owned()),
        Just("roles:".to_owned()),
        Just("planner:".to_owned()),
        Just("chain:".to_owned()),
        Just("providers:".to_owned()),
        Just("models:".to_owned()),
        Just("timeout: 5m".to_owned()),
        Just("openai/gpt-5.4".to_owned()),
        Just("{kind: openai}".to_owned()),
        Just("&a".to_owned()),
        Just("*a".to_owned()),
        Just("<<:".to_owned()),
        Just("\n".to_owned()),
        Just("\n  ".to_owned()),
        Just("\n    ".to_owned()),
        Just("- ".to_owned()),
        Just("? ".to_owned()),
        Just(" !!int ".to_owned()),
        Just("null".to_owned()),
        "[\\[\\]{}:,'\"|>#%@`~0-9a-z \t\u{0}\u{feff}é]{0,6}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused_in_one_line(text in prop_oneof![any::<String>(), pieces()]) {
        if let Err(error) = load(Some(("belay.yaml", &text)), &with_keys(&["OPENAI_API_KEY"])) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
