//! The sections that are there once each.

use std::time::Duration;

use serde_json::{Value, json};

use super::words::{self, time, time_or};
use super::{List, Origin};
use crate::config::Config;
use crate::config::environment::Environment;

/// A flag's variable, which wins over the config.
const TIMEOUT_MINUTES: &str = "TIMEOUT_MINUTES";

pub(super) fn all(list: &mut List<'_>, environment: &Environment, config: &Config) {
    protection(list, config);
    run(list, environment, config);
    words_and_files(list, config);
    github_and_store(list, environment, config);
}

/// What helps when models fail.
fn protection(list: &mut List<'_>, config: &Config) {
    let most = model_providers::Settings::default().max_response_bytes;
    let failover = &config.failover;
    list.section(
        "failover",
        [
            ("enabled", json!(failover.enabled)),
            ("max_models", json!(failover.max_models)),
            ("first_token_timeout", time_or(failover.first_token_timeout, json!("auto"))),
            ("idle_timeout", time(failover.idle_timeout)),
            ("retry_after_wait", time(failover.retry_after_wait)),
            ("max_wait", time(failover.max_wait)),
            ("repair_attempts", json!(failover.repair_attempts)),
            ("on_refusal", json!(words::on_refusal(failover.on_refusal))),
            ("hedge_after", time_or(failover.hedge_after, Value::Null)),
            ("max_response_bytes", json!(config.max_response_bytes.unwrap_or(most))),
        ],
    );
    let breaker = &config.circuit_breaker;
    list.section(
        "circuit_breaker",
        [
            ("enabled", json!(breaker.enabled)),
            ("failure_threshold", json!(breaker.failure_threshold)),
            ("reset_timeout", time(breaker.reset_timeout)),
            ("monitoring_window", time(breaker.monitoring_window)),
            ("consecutive_failures", json!(breaker.consecutive_failures)),
            ("max_reset_timeout", time(breaker.max_reset_timeout)),
        ],
    );
    let degradation = &config.degradation;
    list.section(
        "degradation",
        [("enabled", json!(degradation.enabled)), ("templates", json!(degradation.templates))],
    );
    let partial = &config.partial_success;
    list.section(
        "partial_success",
        [
            ("enabled", json!(partial.enabled)),
            ("min_success_rate", json!(partial.min_success_rate)),
        ],
    );
    let hand_over = if config.agents.hand_over { "facts" } else { "none" };
    list.section(
        "agents",
        [("allow_outside", json!(config.agents.allow_outside)), ("hand_over", json!(hand_over))],
    );
}

fn run(list: &mut List<'_>, environment: &Environment, config: &Config) {
    let run = &config.run;
    list.section(
        "run",
        [
            ("parallel", json!(run.parallel)),
            ("timeout", time(run.timeout)),
            ("deadline_reserve", time(run.deadline_reserve)),
            ("max_milestones", json!(run.max_milestones)),
            ("milestone_retries", json!(run.milestone_retries)),
            ("fix_rounds", json!(run.fix_rounds)),
            ("branch", json!(run.branch)),
            ("base", json!(run.base)),
            ("update", json!(words::update(run.update))),
            ("push", json!(run.push)),
            ("setup_command", json!(words::command(&run.setup_command))),
            ("test_command", json!(words::command(&run.test_command))),
            ("test_timeout", time(run.test_timeout)),
            ("checks", words::checks(&run.checks)),
            ("gate", json!(words::gate(run.gate))),
            ("test_env", json!(run.test_env)),
            ("confine", json!(words::confine(run.confine))),
            ("min_confidence", json!(run.min_confidence)),
            ("max_questions", json!(run.max_questions)),
        ],
    );
    let minutes = environment.vars.get(TIMEOUT_MINUTES).and_then(|text| text.parse::<u64>().ok());
    let timeout = list.settings.iter_mut().find(|setting| setting.key == "run.timeout");
    if let (Some(minutes), Some(timeout)) = (minutes, timeout) {
        timeout.value = time(Duration::from_secs(minutes.saturating_mul(60)));
        timeout.origin = Origin::Variable(TIMEOUT_MINUTES);
    }
}

/// What is spent, committed, shown and written.
fn words_and_files(list: &mut List<'_>, config: &Config) {
    let budget = &config.budget;
    list.section(
        "budget",
        [
            ("max_usd", json!(budget.max_usd)),
            ("max_tokens", json!(budget.max_tokens)),
            ("max_usd_per_day", json!(budget.max_usd_per_day)),
        ],
    );
    let commit = &config.commit;
    let author = commit.author.as_ref().map(|who| format!("{} <{}>", who.name, who.email));
    list.section(
        "commit",
        [
            ("author", json!(author)),
            ("hooks", json!(commit.hooks)),
            ("sign", words::choice(commit.sign)),
            ("subject", json!(commit.subject)),
        ],
    );
    let context = &config.context;
    list.section(
        "context",
        [
            ("files", json!(context.files)),
            ("deny", json!(context.deny)),
            ("rounds", json!(context.rounds)),
        ],
    );
    let guard = &config.guard;
    list.section(
        "guard",
        [("deny", json!(guard.deny)), ("max_file_bytes", json!(guard.max_file_bytes))],
    );
}

fn github_and_store(list: &mut List<'_>, environment: &Environment, config: &Config) {
    let github = &config.github;
    list.section(
        "github",
        [("enabled", words::choice(github.enabled)), ("repository", json!(github.repository))],
    );
    let token = &github.token_env;
    let is_set = environment.key(token).is_ok();
    list.variable(&["github", "token_env"], Some(token), is_set, Origin::Default);
    list.section(
        "github",
        [
            ("api_url", json!(github.api_url)),
            ("assignees", json!(github.assignees)),
            ("pull_request", json!(words::pull_request(github.pull_request))),
        ],
    );
    let store = &config.store;
    list.section(
        "store",
        [
            ("kind", json!(words::store(store.kind))),
            ("path", json!(store.path)),
            ("mirror", json!(store.mirror)),
        ],
    );
}
