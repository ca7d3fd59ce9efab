//! The server as a process, for programs that are tried against it from outside of a test:
//! `simulated-models [SCRIPT.json]`.
//!
//! Standard output is one JSON object a line: first the address, then each request as it comes.
//! It stops when its standard input ends, so it cannot outlive who started it.
use std::error::Error;
use std::io::{self, Write as _};

use serde_json::{Value, json};
use simulated_models::{Recorded, Script, Server};
use tokio::io::AsyncReadExt as _;

fn main() -> Result<(), Box<dyn Error>> {
    let script = match std::env::args_os().nth(1) {
        Some(path) => serde_json::from_str(&std::fs::read_to_string(path)?)?,
        None => Script::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(serve(script));
    // A read of standard input that goes on must not hold the end up.
    runtime.shutdown_background();
    served
}

async fn serve(script: Script) -> Result<(), Box<dyn Error>> {
    let server = Server::start(script).await?;
    tell(&json!({"url": server.root_url(), "refusing_url": server.refusing_url()?}))?;
    let told = tokio::select! {
        told = tell_requests(&server) => told,
        ended = end_of_input() => ended,
    };
    server.stop().await;
    Ok(told?)
}

async fn tell_requests(server: &Server) -> io::Result<()> {
    let mut told = 0;
    loop {
        server.wait_for_requests(usize::try_from(told + 1).unwrap_or(usize::MAX)).await;
        for request in server.requests().iter().filter(|request| request.number > told) {
            tell(&line(request))?;
        }
        told = server.requests().last().map_or(told, |request| request.number.max(told));
    }
}

async fn end_of_input() -> io::Result<()> {
    let mut bytes = [0_u8; 256];
    let mut input = tokio::io::stdin();
    while input.read(&mut bytes).await? > 0 {}
    Ok(())
}

fn line(request: &Recorded) -> Value {
    json!({
        "number": request.number,
        "model": request.model,
        "target": request.target,
        "schema": request.schema,
        "results": request.results,
        "fault": request.fault,
    })
}

fn tell(line: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
