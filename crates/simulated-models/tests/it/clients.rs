//! What an ordinary HTTP client makes of the faults: the errors that code must classify.
use std::time::Duration;

use serde_json::Value;
use simulated_models::Fault;

use crate::harness::{chat_url, client, failing, request, soon, start};

/// The last cause of an error.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[tokio::test]
async fn a_reset_is_an_error_of_the_request() {
    for streamed in [false, true] {
        let server = failing(Fault::ResetBeforeHeaders).await;
        let client = client();
        let body = request("m", "plan", streamed);
        let sent = soon(client.post(chat_url(&server)).json(&body).send()).await;
        let error = sent.expect_err("was reset");
        assert!(error.is_request() && !error.is_connect() && !error.is_timeout());
        assert!(root(&error).contains("reset"), "{}", root(&error));
        server.stop().await;
    }
}

#[tokio::test]
async fn the_refusing_address_refuses_to_connect() {
    let server = start(simulated_models::Script::default()).await;
    let url = server.refusing_url().expect("has an address");
    let error = soon(client().get(format!("{url}/models")).send()).await.expect_err("is refused");
    assert!(error.is_connect());
    assert!(root(&error).contains("refused"), "{}", root(&error));
    server.stop().await;
}

#[tokio::test]
async fn a_cut_is_an_error_of_the_body_after_a_200() {
    for streamed in [false, true] {
        let server = failing(Fault::Cut { after_chunks: 1 }).await;
        let client = client();
        let body = request("m", "plan", streamed);
        let sent = soon(client.post(chat_url(&server)).json(&body).send()).await;
        let answer = sent.expect("has headers");
        assert_eq!(answer.status(), 200);
        soon(answer.bytes()).await.expect_err("is cut");
        server.stop().await;
    }
}

#[tokio::test]
async fn silence_ends_only_by_the_clients_own_limit() {
    let hour = Duration::from_secs(3_600);
    for fault in [
        Fault::SlowHeaders { delay: hour },
        Fault::SlowFirstToken { delay: hour },
        Fault::Stall { after_chunks: 1 },
    ] {
        let server = failing(fault).await;
        let client = client();
        let body = request("m", "plan", true);
        let limit = Duration::from_millis(300);
        let sent = client.post(chat_url(&server)).timeout(limit).json(&body).send();
        let ended = match soon(sent).await {
            Ok(answer) => soon(answer.bytes()).await,
            Err(error) => Err(error),
        };
        assert!(ended.expect_err("never ends").is_timeout());
        soon(server.wait_for_ended(1)).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn slow_or_torn_answers_are_whole() {
    let pause = Duration::from_millis(2);
    let delay = pause;
    for fault in [
        Fault::Answer,
        Fault::AnswerAfter { delay },
        Fault::SlowFirstToken { delay },
        Fault::Thinking { pause, times: 3 },
        Fault::Drip { pause },
        Fault::Fragmented,
        Fault::MissingEndMark,
    ] {
        let server = failing(fault.clone()).await;
        let client = client();
        let ask = async |streamed| {
            let body = request("m", "review", streamed);
            let sent = soon(client.post(chat_url(&server)).json(&body).send()).await;
            soon(sent.expect("answers").text()).await.expect("is whole")
        };
        let plain: Value = serde_json::from_str(&ask(false).await).expect("is JSON");
        let content = plain["choices"][0]["message"]["content"].as_str();
        let joined: String = ask(true)
            .await
            .split("\n\n")
            .filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok())
            .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
            .collect();
        assert_eq!(Some(joined.as_str()), content, "{fault:?}");
        server.stop().await;
    }
}
