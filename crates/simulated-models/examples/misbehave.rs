//! One server, four models, four kinds of day: `cargo run -p simulated-models --example misbehave`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use serde_json::json;
use simulated_models::{Fault, ModelScript, Script, Server, Step};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let script = Script::with_model("down", ModelScript::failing(Fault::status(503)))
        .and_model("busy", ModelScript::steps([Step::calls(..=1, Fault::rate_limited("2"))]))
        .and_model("gone", ModelScript::failing(Fault::RefuseConnection));
    let server = Server::start(script).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/chat/completions", server.base_url());

    for model in ["down", "busy", "busy", "gone", "well"] {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        let body = json!({"model": model, "messages": messages});
        match client.post(&url).json(&body).send().await {
            Ok(answer) => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                let wait = headers.get("retry-after").map(|value| format!(", wait {value:?}"));
                println!("{model}: {status}{}", wait.unwrap_or_default());
                println!("  {:.100}", answer.text().await?.replace('\n', " "));
            }
            Err(_) => println!("{model}: the connection was closed"),
        }
    }
    println!("{} requests were seen", server.request_count());
    server.stop().await;
    Ok(())
}
