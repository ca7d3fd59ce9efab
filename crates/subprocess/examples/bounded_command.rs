//! Commands that do not behave, and what is left of each: `cargo run -p subprocess --example
//! bounded_command`.
//!
//! What it shows: output without end in bounded memory, a server in the background that ends with its
//! command, and a command that is cancelled. It takes a second or two.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use std::time::Duration;

use subprocess::{Command, Limits, Output, run};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), subprocess::Error> {
    let never = CancellationToken::new();
    let limits = Limits { output: 64, total: Duration::from_millis(500), ..Limits::default() };

    let endless = shell("while :; do echo again and again; done").limits(limits);
    show("prints without end", &run(&endless, &never).await?);

    let server = shell("sleep 600 & echo \"started $!\"");
    show("leaves a server behind", &run(&server, &never).await?);

    let cancel = CancellationToken::new();
    let watched = shell("trap 'echo asked to end; exit 0' TERM; echo working; sleep 600 & wait");
    let stop = cancel.clone();
    // The first line that comes is the moment to cancel.
    let mut on_line = move |_: &[u8]| stop.cancel();
    let output = subprocess::run_watched(&watched, &cancel, &mut on_line).await?;
    show("is cancelled", &output);
    Ok(())
}

fn shell(script: &str) -> Command {
    Command::new("/bin/sh", "/").args(["-c", script]).env([("PATH", "/usr/bin:/bin")])
}

fn show(what: &str, output: &Output) {
    println!("a command that {what}: {:?}", output.ended);
    println!("  kept {} bytes, dropped {}", output.stdout.bytes.len(), output.stdout.dropped);
    for line in output.stdout.text().lines().take(4) {
        println!("  | {line}");
    }
}
