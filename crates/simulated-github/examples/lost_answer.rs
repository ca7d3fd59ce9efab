//! A client that tries again makes two issues of one: `cargo run -p simulated-github --example
//! lost_answer`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use serde_json::json;
use simulated_github::{Act, Fault, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start("octo/demo", "ghp_simulated").await?;
    server.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
    let client = reqwest::Client::builder().no_proxy().user_agent("example").build()?;
    let url = format!("{}/repos/octo/demo/issues", server.api_url().trim_end_matches('/'));

    for attempt in 1..=2 {
        let request = client.post(&url).bearer_auth("ghp_simulated");
        let request = request.header("accept", "application/vnd.github+json");
        let sent = request.json(&json!({"title": "Which unit?"})).send().await;
        let said = sent.map_or("nothing".to_owned(), |answer| answer.status().to_string());
        println!("attempt {attempt}: GitHub said {said}");
    }
    println!("issues there now: {}", server.world(|world| world.issues.len()));
    println!("what GitHub would object to: {:?}", server.violations());
    server.stop().await;
    Ok(())
}
