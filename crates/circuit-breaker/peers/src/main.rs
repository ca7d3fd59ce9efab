//! What other circuit breakers do and cost, measured beside this one in one process.
//!
//! `cargo run --release -- probes` asks each of them the questions of the traps, `-- cost` measures
//! what a call costs. It stands outside the workspace, so that the product never builds them.

mod carried;
mod cost;
mod next;
mod peers;
mod probes;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["probes"] => probes::run(),
        ["cost"] => cost::run(),
        // What `probes` starts as the next process.
        ["next", name, file] => next::take_over(name, file),
        _ => {
            eprintln!("usage: circuit-breaker-peers probes|cost");
            std::process::exit(2);
        }
    }
}
