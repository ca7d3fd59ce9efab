//! A question to a person and their answer: `cargo run -p forge --example asked_and_answered`.
//!
//! First in a folder of Markdown files, then on a GitHub on this machine that loses the answer to the
//! first request. What it shows: the issue is made once all the same.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::io::Write as _;
use std::sync::Arc;

use forge::{Folder, Forge, GitHub, Issue, Marker, NewIssue, Settings, SystemClock, Token};
use simulated_github::{Act, Fault, Server};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    println!("in a folder");
    let top = tempfile::tempdir()?;
    let folder = Folder::new(top.path().to_owned());
    let issue = ask_twice(&folder).await?;
    // A person opens the file in an editor.
    let mut file = std::fs::OpenOptions::new().append(true).open(top.path().join(&issue.url))?;
    write!(file, "\n## Answer\n\nMetres, please.\n")?;
    drop(file);
    hear(&folder, &issue).await?;

    println!("on GitHub");
    let server = Server::start("octo/demo", "ghp_simulated").await?;
    server.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
    let token = Token::new("ghp_simulated")?;
    let api = server.api_url().parse()?;
    let settings = Settings::new("octo".into(), "demo".into(), api, token);
    let github = GitHub::new(settings, Arc::new(SystemClock))?;
    let issue = ask_twice(&github).await?;
    server.world(|world| {
        // Only the words of those who may write there count as an answer.
        world.permissions.insert("maria".to_owned(), "write".to_owned());
        world.comment(issue.number, "maria", "Feet.");
        world.comment(issue.number, "stranger", "Neither.");
    });
    hear(&github, &issue).await?;
    println!("  issues made: {}", server.world(|world| world.issues.len()));
    server.stop().await;
    Ok(())
}

async fn ask_twice(forge: &dyn Forge) -> Result<Issue, Failure> {
    let new = NewIssue {
        title: "Which unit?".to_owned(),
        body: "Metres or feet?".to_owned(),
        labels: vec!["question".to_owned()],
        marker: Marker { run: "run-1".to_owned(), step: "ask".to_owned() },
    };
    let first = match forge.create(&new).await {
        Ok(issue) => issue,
        Err(error) => {
            println!("  unclear: {error}");
            forge.create(&new).await?
        }
    };
    let again = forge.create(&new).await?;
    println!("  made once: {}", again.url == first.url);
    Ok(first)
}

async fn hear(forge: &dyn Forge, issue: &Issue) -> Result<(), Failure> {
    for reply in forge.look(&issue.url).await?.replies {
        println!("  answered: {}", reply.body);
    }
    forge.close(&issue.url, "answered").await?;
    println!("  open: {}", forge.open_issues().await?.len());
    Ok(())
}
