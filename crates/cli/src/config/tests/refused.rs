//! Every way to get a config wrong that we thought of, and the line that it earns.

use insta::assert_snapshot;

use super::*;

#[test]
fn unknown_keys_come_with_the_nearest_right_one() {
    assert_snapshot!(refusals(&[
        "proviers: {}\n",
        "roles:\n  planer:\n    chain: []\n",
        "roles:\n  planner:\n    timeout: 5m\n    chian: []\n",
        "run: {paralel: 3}\n",
        "run: {test-command: make}\n",
        "run:\n  # a comment\n  timeout: 5m\n\n  fixrounds: 1\n",
        "failover: {Max_Models: 3}\n",
        "circuit_breaker:\n  reset_timeot: 1s\n",
        "store: {location: here}\n",
        "something: 1\n",
        "providers:\n  a:\n    kind: openai\n    api_key: sk-123\n",
        "models:\n  openai/gpt-5.4:\n    window: 3\n",
        "3: 4\n",
    ]), @"
    belay.yaml:1:1: proviers: unknown key, did you mean `providers`?
    belay.yaml:2:3: roles.planer: unknown key, did you mean `planner`?
    belay.yaml:4:5: roles.planner.chian: unknown key, did you mean `chain`?
    belay.yaml:1:7: run.paralel: unknown key, did you mean `parallel`?
    belay.yaml:1:7: run.test-command: unknown key, did you mean `test_command`?
    belay.yaml:5:3: run.fixrounds: unknown key, did you mean `fix_rounds`?
    belay.yaml:1:12: failover.Max_Models: unknown key, did you mean `max_models`?
    belay.yaml:2:3: circuit_breaker.reset_timeot: unknown key, did you mean `reset_timeout`?
    belay.yaml:1:9: store.location: unknown key, expected one of `kind`, `path`, `mirror`
    belay.yaml:1:1: something: unknown key, expected one of `providers`, `models`, `roles`, `failover`, `circuit_breaker`, `degradation`, `partial_success`, `agents`, `run`, `budget`, `commit`, `context`, `guard`, `github`, `store`
    belay.yaml:4:5: providers.a.api_key: unknown key, did you mean `api_key_env`?
    belay.yaml:3:5: models.openai/gpt-5.4.window: unknown key, did you mean `context_window`?
    belay.yaml:1:1: 3: unknown key, expected one of `providers`, `models`, `roles`, `failover`, `circuit_breaker`, `degradation`, `partial_success`, `agents`, `run`, `budget`, `commit`, `context`, `guard`, `github`, `store`
    ");
}

#[test]
fn wrong_types_say_what_is_right() {
    assert_snapshot!(refusals(&[
        "[]\n",
        "just words\n",
        "run: 3\n",
        "run:\n  - parallel: 3\n",
        "run: {parallel: three}\n",
        "run: {parallel: 2.5}\n",
        "run: {parallel: 99999999999999999999}\n",
        "run:\n  parallel:\n    a: 1\n",
        "run: {timeout: [5m]}\n",
        "run: {min_confidence: high}\n",
        "failover: {enabled: yes}\n",
        "failover: {enabled: 1}\n",
        "failover: {on_refusal: skip}\n",
        "failover: {on_refusal: [next]}\n",
        "failover: {on_refusal: nxt}\n",
        "roles: {planner: [openai/gpt-5.4]}\n",
        "roles:\n  planner: {chain: openai/gpt-5.4}\n",
        "roles:\n  planner:\n    chain:\n      - openai/gpt-5.4\n      - {a: b}\n",
        "context: {files: [null]}\n",
        "providers: [openai]\n",
        "providers: {a: openai}\n",
        "github: {enabled: maybe}\n",
        "github: {pull_request: true}\n",
        "store: {kind: postgres}\n",
        "? [a, b]\n: c\n",
    ]), @"
    belay.yaml:1:1: must be a mapping of keys to values
    belay.yaml:1:1: must be a mapping of keys to values
    belay.yaml:1:6: run: must be a mapping of keys to values
    belay.yaml:2:3: run: must be a mapping of keys to values
    belay.yaml:1:17: run.parallel: must be a whole number
    belay.yaml:1:17: run.parallel: must be a whole number
    belay.yaml:1:17: run.parallel: must be a whole number
    belay.yaml:3:5: run.parallel: must be one value, not a list or a mapping
    belay.yaml:1:16: run.timeout: must be one value, not a list or a mapping
    belay.yaml:1:23: run.min_confidence: must be a number
    belay.yaml:1:21: failover.enabled: must be true or false
    belay.yaml:1:21: failover.enabled: must be true or false
    belay.yaml:1:24: failover.on_refusal: `skip` is not a choice here, expected one of `next`, `stop`
    belay.yaml:1:24: failover.on_refusal: must be one word
    belay.yaml:1:24: failover.on_refusal: `nxt` is not a choice here, did you mean `next`?
    belay.yaml:1:18: roles.planner: must be a mapping of keys to values
    belay.yaml:2:20: roles.planner.chain: must be a list
    belay.yaml:5:9: roles.planner.chain[1]: must be one value, not a list or a mapping
    belay.yaml:1:19: context.files[0]: must be text, but is empty or null
    belay.yaml:1:12: providers: must be a mapping of keys to values
    belay.yaml:1:16: providers.a: must be a mapping of keys to values
    belay.yaml:1:19: github.enabled: `maybe` is not a choice here, expected one of `auto`, `true`, `false`
    belay.yaml:1:24: github.pull_request: `true` is not a choice here, expected one of `ready`, `draft`, `none`
    belay.yaml:1:15: store.kind: `postgres` is not a choice here, expected `sqlite`
    belay.yaml:1:3: must be one value, not a list or a mapping
    ");
}

#[test]
fn values_out_of_range_name_the_range() {
    assert_snapshot!(refusals(&[
        "run: {parallel: 0}\n",
        "run: {parallel: -1}\n",
        "run: {parallel: 17}\n",
        "run:\n  timeout: 5m\n  max_milestones: 0\n",
        "run: {min_confidence: 1.5}\n",
        "run: {min_confidence: .nan}\n",
        "partial_success: {min_success_rate: 0}\n",
        "partial_success: {min_success_rate: -0.5}\n",
        "failover: {max_models: 0}\n",
        "failover: {repair_attempts: 6}\n",
        "circuit_breaker: {failure_threshold: 0}\n",
        "circuit_breaker: {consecutive_failures: 0}\n",
        "circuit_breaker: {reset_timeout: 10m, max_reset_timeout: 5m}\n",
        "budget: {max_usd: -1}\n",
        "budget: {max_usd: .inf}\n",
        "budget: {max_tokens: 0}\n",
        "budget: {max_usd_per_day: -1}\n",
        "failover: {hedge_after: 0s}\n",
        "failover: {max_response_bytes: 10}\n",
        "providers:\n  a: {kind: openai, base_url: \"http://a.example\", limits: {concurrency: 0}}\n",
        "guard: {max_file_bytes: 0}\n",
        "guard: {max_file_bytes: 10000000000}\n",
        "models: {openai/gpt-5.4: {context_window: 0}}\n",
        "models:\n  openai/gpt-5.4: {context_window: 10, max_output_tokens: 11}\n",
        "models:\n  openai/gpt-5.4: {usd_per_million_input: -0.1}\n",
    ]), @"
    belay.yaml:1:17: run.parallel: must be from 1 to 16, is 0
    belay.yaml:1:17: run.parallel: must be from 1 to 16, is -1
    belay.yaml:1:17: run.parallel: must be from 1 to 16, is 17
    belay.yaml:3:19: run.max_milestones: must be from 1 to 100, is 0
    belay.yaml:1:23: run.min_confidence: must be from 0 to 1, is 1.5
    belay.yaml:1:23: run.min_confidence: must be from 0 to 1, is NaN
    belay.yaml:1:37: partial_success.min_success_rate: must be above 0: a milestone of which nothing succeeded is no success
    belay.yaml:1:37: partial_success.min_success_rate: must be from 0 to 1, is -0.5
    belay.yaml:1:24: failover.max_models: must be from 1 to 20, is 0
    belay.yaml:1:29: failover.repair_attempts: must be from 0 to 5, is 6
    belay.yaml:1:38: circuit_breaker.failure_threshold: must be from 1 to 1000, is 0
    belay.yaml:1:41: circuit_breaker.consecutive_failures: must be from 1 to 1000, is 0
    belay.yaml:1:58: circuit_breaker.max_reset_timeout: must be at least reset_timeout, which is 10m
    belay.yaml:1:19: budget.max_usd: must be 0 or more, is -1
    belay.yaml:1:19: budget.max_usd: must be 0 or more, is inf
    belay.yaml:1:22: budget.max_tokens: must be 1 or more, is 0
    belay.yaml:1:27: budget.max_usd_per_day: must be 0 or more, is -1
    belay.yaml:1:25: failover.hedge_after: must be from 1ms to 1d, is 0s
    belay.yaml:1:32: failover.max_response_bytes: must be from 1024 to 1073741824, is 10
    belay.yaml:2:73: providers.a.limits.concurrency: must be from 1 to 1000, is 0
    belay.yaml:1:25: guard.max_file_bytes: must be from 1 to 104857600, is 0
    belay.yaml:1:25: guard.max_file_bytes: must be from 1 to 104857600, is 10000000000
    belay.yaml:1:43: models.openai/gpt-5.4.context_window: must be from 1 to 1000000000, is 0
    belay.yaml:2:59: models.openai/gpt-5.4.max_output_tokens: must be at most context_window, which is 10
    belay.yaml:2:43: models.openai/gpt-5.4.usd_per_million_input: must be 0 or more, is -0.1
    ");
}

#[test]
fn durations_need_their_unit() {
    assert_snapshot!(refusals(&[
        "run: {timeout: 30}\n",
        "run: {timeout: 1m30}\n",
        "run: {timeout: 3min}\n",
        "run: {timeout: 5 m}\n",
        "run: {timeout: \"\"}\n",
        "run: {timeout: 1.5h}\n",
        "run: {timeout: -5m}\n",
        "run: {timeout: soon}\n",
        "run: {timeout: 5M}\n",
        "run: {timeout: 0s}\n",
        "run: {timeout: 99999999999999999999d}\n",
        "run: {timeout: 8d}\n",
        "run: {timeout: 1m, deadline_reserve: 1m}\n",
        "failover: {first_token_timeout: never}\n",
        "roles:\n  planner:\n    timeout: 5\n",
        "models:\n  openai/gpt-5.4:\n    timeout: 120\n",
    ]), @"
    belay.yaml:1:16: run.timeout: `30` is not a duration: the unit after `30` is missing; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `1m30` is not a duration: the unit after `30` is missing; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `3min` is not a duration: `min` is not a unit; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `5 m` is not a duration: only whole numbers with units make one; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `` is not a duration: it is empty; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `1.5h` is not a duration: only whole numbers with units make one; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `-5m` is not a duration: only whole numbers with units make one; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `soon` is not a duration: only whole numbers with units make one; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: `5M` is not a duration: `M` is not a unit; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: must be from 1ms to 7d, is 0s
    belay.yaml:1:16: run.timeout: `99999999999999999999d` is not a duration: it is too long; write for example `30s`, `5m` or `1m30s`
    belay.yaml:1:16: run.timeout: must be from 1ms to 7d, is 8d
    belay.yaml:1:38: run.deadline_reserve: must be less than timeout, which is 1m
    belay.yaml:1:33: failover.first_token_timeout: `never` is not a duration: only whole numbers with units make one; write for example `30s`, `5m` or `1m30s`
    belay.yaml:3:14: roles.planner.timeout: `5` is not a duration: the unit after `5` is missing; write for example `30s`, `5m` or `1m30s`
    belay.yaml:3:14: models.openai/gpt-5.4.timeout: `120` is not a duration: the unit after `120` is missing; write for example `30s`, `5m` or `1m30s`
    ");
}

#[test]
fn providers_need_a_kind_and_a_safe_address() {
    assert_snapshot!(refusals(&[
        "providers:\n  mine: {base_url: \"https://a.example/v1\"}\n",
        "providers:\n  mine:\n",
        "providers:\n  mine: {kind: opnai}\n",
        "providers:\n  mine: {kind: openai}\n",
        "providers:\n  mine: {kind: openai, base_url: \"ftp://a.example\"}\n",
        "providers:\n  mine:\n    kind: openai\n    base_url: a.example/v1\n",
        "providers:\n  mine:\n    kind: openai\n    base_url: localhost:8080\n",
        "providers:\n  mine: {kind: openai, base_url: \"https://me:hunter2@a.example\"}\n",
        "providers:\n  mine: {kind: openai, base_url: \"https://a.example/#x\"}\n",
        "providers:\n  my/own: {kind: openai, base_url: \"https://a.example\"}\n",
        "providers:\n  mine: {kind: openai, base_url: \"https://a.example\", api_key_env: sk-hunter2}\n",
        "providers:\n  mine: {kind: openai, base_url: \"https://a.example\", headers: {\"a b\": c}}\n",
        "providers:\n  mine: {kind: openai, base_url: \"https://a.example\", headers: {a: \"b\\nhunter2\"}}\n",
        "providers:\n  openai: {kind: openai, preset: codex}\n",
        "providers:\n  openai: {kind: openai, command: [codex]}\n",
    ]), @"
    belay.yaml:2:3: providers.mine: `kind` is missing, expected `openai`, `anthropic` or `command`
    belay.yaml:2:3: providers.mine: `kind` is missing, expected `openai`, `anthropic` or `command`
    belay.yaml:2:16: providers.mine.kind: `opnai` is not a choice here, did you mean `openai`?
    belay.yaml:2:3: providers.mine: `base_url` is missing, for example `https://api.example.com/v1`
    belay.yaml:2:34: providers.mine.base_url: must begin with http:// or https://, not `ftp`
    belay.yaml:4:15: providers.mine.base_url: is not an address; write for example `https://api.example.com/v1`
    belay.yaml:4:15: providers.mine.base_url: must begin with http:// or https://, not `localhost`
    belay.yaml:2:34: providers.mine.base_url: must not hold a credential; name its variable in api_key_env
    belay.yaml:2:34: providers.mine.base_url: must not hold a `#`
    belay.yaml:2:3: providers.my/own: a provider's name is letters, digits, `-`, `_` and `.`
    belay.yaml:2:68: providers.mine.api_key_env: must be the name of an environment variable (letters, digits, `_`), never the key itself
    belay.yaml:2:72: providers.mine.headers.a b: is no name for a header
    belay.yaml:2:68: providers.mine.headers.a: has a value that no header can carry
    belay.yaml:2:34: providers.openai.preset: belongs to kind `command` only
    belay.yaml:2:35: providers.openai.command: belongs to kind `command` only
    ");
}

#[test]
fn chains_name_models_of_providers_that_exist() {
    assert_snapshot!(refusals(&[
        "roles:\n  coder:\n    chain:\n      - openai/gpt-5.4\n      - opnai/gpt-5.4\n",
        "providers:\n  mine: {kind: openai, base_url: \"https://a.example\"}\nroles:\n  coder: {chain: [mine/a, openai/b]}\n",
        "roles: {coder: {chain: [gpt-5.4]}}\n",
        "roles: {coder: {chain: [/gpt-5.4]}}\n",
        "roles: {coder: {chain: [openai/]}}\n",
        "roles: {coder: {chain: [\"openai/gpt 5\"]}}\n",
        "models:\n  gpt-5.4: {}\n",
        "models:\n  opnai/gpt-5.4: {}\n",
        "budget: {max_usd: 4}\nroles: {planner: {chain: [openai/of-tomorrow]}}\n",
        "budget: {max_usd_per_day: 4}\nroles: {planner: {chain: [openai/of-tomorrow]}}\n",
        "providers:\n  a: {kind: openai, base_url: \"http://a.example\", dialect: azur}\n",
    ]), @"
    belay.yaml:5:9: roles.coder.chain[1]: `opnai` is an unknown provider, did you mean `openai`?
    belay.yaml:4:27: roles.coder.chain[1]: `openai` is an unknown provider, expected `mine`
    belay.yaml:1:25: roles.coder.chain[0]: `gpt-5.4` is not a model; write provider/name, as in `openai/gpt-5.4`
    belay.yaml:1:25: roles.coder.chain[0]: `/gpt-5.4` is not a model; write provider/name, as in `openai/gpt-5.4`
    belay.yaml:1:25: roles.coder.chain[0]: `openai/` is not a model; write provider/name, as in `openai/gpt-5.4`
    belay.yaml:1:25: roles.coder.chain[0]: `openai/gpt 5` is not a model; write provider/name, as in `openai/gpt-5.4`
    belay.yaml:2:3: models.gpt-5.4: `gpt-5.4` is not a model; write provider/name, as in `openai/gpt-5.4`
    belay.yaml:2:3: models.opnai/gpt-5.4: `opnai` is an unknown provider, did you mean `openai`?
    belay.yaml:1:19: budget.max_usd: needs the price of every model, and openai/of-tomorrow has none: write usd_per_million_input and usd_per_million_output for it under `models`
    belay.yaml:1:27: budget.max_usd_per_day: needs the price of every model, and openai/of-tomorrow has none: write usd_per_million_input and usd_per_million_output for it under `models`
    belay.yaml:2:60: providers.a.dialect: `azur` is no dialect, did you mean `azure`?
    ");
}

#[test]
fn globs_names_and_paths_are_checked() {
    assert_snapshot!(refusals(&[
        "guard: {deny: [\"a/**\", \"[\"]}\n",
        "context:\n  deny:\n    - \"**/.env\"\n    - \"{a\"\n",
        "guard: {deny: [\"\"]}\n",
        "context: {files: [../secrets]}\n",
        "context: {files: [AGENTS.md, /etc/passwd]}\n",
        "run: {branch: \"belay/{ideas}\"}\n",
        "run: {branch: \"belay/{idea\"}\n",
        "run: {branch: \"belay {idea}\"}\n",
        "run: {branch: \"-{idea}\"}\n",
        "run: {branch: \"a//b\"}\n",
        "run: {branch: \"a.lock\"}\n",
        "run: {branch: \"\"}\n",
        "run: {base: --all}\n",
        "run: {test_command: \"\"}\n",
        "commit: {author: Ada}\n",
        "commit: {author: \"Ada <ada>x\"}\n",
        "commit: {subject: \"{nmae}\"}\n",
        "commit: {subject: \"a\\nb\"}\n",
        "github: {repository: belay}\n",
        "github: {api_url: \"file:///x\"}\n",
        "github: {token_env: \"ghp-hunter2\"}\n",
        "github: {assignees: [\"ada lovelace\"]}\n",
        "degradation: {templates: \"\"}\n",
    ]), @"
    belay.yaml:1:24: guard.deny[1]: `[` is not a glob: unclosed character class; missing ']'
    belay.yaml:4:7: context.deny[1]: `{a` is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
    belay.yaml:1:16: guard.deny[0]: must not be empty
    belay.yaml:1:19: context.files[0]: `../secrets` must be a path within the repository
    belay.yaml:1:30: context.files[1]: `/etc/passwd` must be a path within the repository
    belay.yaml:1:15: run.branch: `ideas` is not a name that can stand here in braces, did you mean `idea`?
    belay.yaml:1:15: run.branch: has a brace without its partner
    belay.yaml:1:15: run.branch: `belay {idea}` is no name for a branch: it has a character that git does not allow
    belay.yaml:1:15: run.branch: `-{idea}` is no name for a branch: it begins with `-`
    belay.yaml:1:15: run.branch: `a//b` is no name for a branch: a part of it is empty or begins with `.`
    belay.yaml:1:15: run.branch: `a.lock` is no name for a branch: a part of it ends with `.lock` or `.`
    belay.yaml:1:15: run.branch: must not be empty
    belay.yaml:1:13: run.base: must name a commit or a branch
    belay.yaml:1:21: run.test_command: must be a command, `auto` or `none`
    belay.yaml:1:18: commit.author: must be written as `Name <address@example.com>`
    belay.yaml:1:18: commit.author: must be written as `Name <address@example.com>`
    belay.yaml:1:19: commit.subject: `nmae` is not a name that can stand here in braces, did you mean `name`?
    belay.yaml:1:19: commit.subject: must be one line without control characters
    belay.yaml:1:22: github.repository: must be written as `owner/name`
    belay.yaml:1:19: github.api_url: must begin with http:// or https://, not `file`
    belay.yaml:1:21: github.token_env: must be the name of an environment variable (letters, digits, `_`), never the key itself
    belay.yaml:1:21: github.assignees: `ada lovelace` is no login
    belay.yaml:1:26: degradation.templates: must not be empty
    ");
}

/// A secret that was pasted into the wrong place is not repeated on the screen or in a log.
#[test]
fn refusals_hold_no_secret() {
    let all = refusals(&[
        "providers:\n  a: {kind: openai, base_url: \"https://me:hunter2@a.example\"}\n",
        "providers:\n  a: {kind: openai, base_url: \"hunter2 hunter2\"}\n",
        "providers:\n  a: {kind: openai, base_url: \"https://a.example\", api_key_env: sk-hunter2}\n",
        "providers:\n  a: {kind: openai, base_url: \"https://a.example\", headers: {a: \"\\thunter2\\n\"}}\n",
        "github: {token_env: \"ghp-hunter2\"}\n",
    ]);
    assert!(!all.contains("hunter2"), "{all}");
}
