//! Faults by chance over real sockets: what is asked decides, not who comes first.
use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulated_models::{Chance, Fault, ModelScript, Script, Weighted};

use crate::harness::{chat_url, client, request, soon, start};

/// A `changes` request about one file.
fn about(model: &str, path: &str) -> Value {
    let mut body = request(model, "changes", false);
    body["response_format"]["json_schema"]["schema"] = json!({"properties": {"files": {"items":
        {"properties": {"path": {"enum": [path]}}}}}});
    body
}

fn script(seed: u64) -> Script {
    let mix = vec![
        Weighted { weight: 1, fault: Fault::status(503) },
        Weighted { weight: 1, fault: Fault::NotJson },
    ];
    let chance = Chance { seed, in_thousand: 500, mix, ..Chance::default() };
    Script::with_model("*", ModelScript::good().with_chance(chance))
}

/// What was done with the first and second call of each question, asked in this order.
#[expect(clippy::unwrap_used, reason = "a request without an answer is a failed test")]
async fn faults(seed: u64, order: &[(usize, usize)]) -> BTreeMap<(String, String, usize), Fault> {
    let server = start(script(seed)).await;
    let client = client();
    for (model, path) in order {
        let body = about(&format!("m{model}"), &format!("src/{path}.rs"));
        soon(client.post(chat_url(&server)).json(&body).send()).await.unwrap();
    }
    let mut calls: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for recorded in server.requests() {
        let question = (recorded.model, recorded.paths.concat());
        let call = calls.entry(question.clone()).or_default();
        *call += 1;
        found.insert((question.0, question.1, *call), recorded.fault);
    }
    server.stop().await;
    found
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults_in_whatever_order_requests_come() {
    let pairs = (0..3).flat_map(|model| (0..8).map(move |path| (model, path)));
    let order: Vec<(usize, usize)> = pairs.clone().chain(pairs).collect();
    let backwards: Vec<(usize, usize)> = order.iter().rev().copied().collect();
    let found = faults(1, &order).await;
    assert_eq!(found.len(), 48);
    assert!(found.values().any(|fault| *fault == Fault::Answer));
    assert!(found.values().any(|fault| *fault == Fault::NotJson));
    assert_eq!(found, faults(1, &backwards).await);
    assert_ne!(found, faults(2, &order).await);
}

#[test]
fn a_chance_can_stand_in_a_script_file() {
    let text = r#"{"models":{"m":{"chance":{"seed":1,"in_thousand":200,
        "mix":[{"weight":1,"fault":{"status":{"status":503}}}]}}}}"#;
    let script: Script = serde_json::from_str(text).expect("a script");
    let mix = vec![Weighted { weight: 1, fault: Fault::status(503) }];
    let chance = Chance { seed: 1, in_thousand: 200, mix, ..Chance::default() };
    assert_eq!(script, Script::with_model("m", ModelScript::good().with_chance(chance)));
}
