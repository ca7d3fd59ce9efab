//! What other circuit breakers do and cost, measured beside this one in one process.
//!
//! `cargo run --release -- probes` asks each of them the questions of the traps, `-- cost` measures
//! what a call costs. It stands outside the workspace, so that the product never builds them.

mod cost;
mod peers;
mod probes;

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    match what.as_str() {
        "probes" => probes::run(),
        "cost" => cost::run(),
        _ => {
            eprintln!("usage: circuit-breaker-peers probes|cost");
            std::process::exit(2);
        }
    }
}
