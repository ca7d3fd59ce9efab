//! What is spent, and what happens when it is spent.

use super::bench::{Bench, Does, model, request, settings};
use crate::{Error, Facts, Reason, Settings, Tokens};

fn limited(max_usd: Option<f64>, max_tokens: Option<u64>) -> Settings {
    let mut settings = settings();
    settings.budget.max_usd = max_usd;
    settings.budget.max_tokens = max_tokens;
    let facts = Facts {
        usd_per_million_input: Some(1_000_000.0),
        usd_per_million_output: Some(2_000_000.0),
        max_output_tokens: Some(10),
        ..Facts::default()
    };
    settings.models.insert(model("a/one"), facts);
    settings
}

/// Trap 22: an unknown price under a cost cap is an error before the first call.
#[tokio::test(start_paused = true)]
async fn an_unknown_price_under_a_limit_is_an_error_before_any_call() {
    let bench = Bench::with(limited(Some(1.0), None));
    let chain = |name| bench.providers.chain(&[model(name)], bench.timeout);
    assert!(chain("a/one").is_ok());
    assert!(matches!(chain("b/two"), Err(Error::UnknownPrice { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_provider_is_an_error() {
    let bench = Bench::new();
    let chain = bench.providers.chain(&[model("x/one")], bench.timeout);
    assert!(matches!(chain, Err(Error::UnknownProvider { .. })));
}

#[tokio::test(start_paused = true)]
async fn tokens_and_cost_are_booked_to_the_attempt_that_used_them() {
    let bench = Bench::with(limited(None, None));
    let answer = bench.ask(&["a/one"]).await.unwrap();
    let tokens = Tokens { input: 7, output: 3 };
    assert_eq!(answer.attempts[0].tokens, Some(tokens));
    assert_eq!(answer.attempts[0].usd, Some(13.0));
    assert_eq!(bench.providers.spent().usd, Some(13.0));
    bench.ask(&["b/two"]).await.unwrap();
    assert_eq!(bench.providers.spent().usd, None);
    assert_eq!(bench.providers.spent().tokens.total(), 20);
}

/// Trap 22: a denial is told once, ends spending, and is not retried.
#[tokio::test(start_paused = true)]
async fn a_spent_budget_ends_the_chain_and_is_told_once() {
    let bench = Bench::with(limited(None, Some(150)));
    bench.ask(&["a/one", "b/two"]).await.unwrap();
    bench
        .providers
        .book(&crate::Spent { tokens: Tokens { input: 140, output: 0 }, usd: Some(0.0) });
    for _ in 0..3 {
        let unanswered = bench.ask(&["a/one", "b/two"]).await.unwrap_err();
        assert_eq!(unanswered.reason, Reason::BudgetExhausted);
        assert!(unanswered.attempts.is_empty());
    }
    assert_eq!(bench.asked().len(), 1);
    let names = bench.seen.names();
    assert_eq!(names.iter().filter(|n| *n == "BudgetExhausted").count(), 1);
    let mut request = request();
    request.stand_in = Some(std::sync::Arc::new(|_| serde_json::json!({"ok": false})));
    let answer = bench.ask_for(&request, &["a/one"]).await.unwrap();
    assert!(answer.degraded);
    assert_eq!(bench.state("a/one"), "CLOSED");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_turned_away_costs_nothing_and_one_that_broke_off_its_prompt() {
    let bench = Bench::new();
    bench.script("one", [Does::Status(404, "")]);
    bench.ask(&["a/one"]).await.unwrap_err();
    assert_eq!(bench.providers.spent().tokens.total(), 0);
    bench.script("one", [Does::Streams(Vec::new(), false)]);
    bench.ask(&["a/one"]).await.unwrap_err();
    assert!(bench.providers.spent().tokens.input > 0);
}
