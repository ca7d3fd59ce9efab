//! A change with what goes wrong most often in changes that a model wrote: `cargo run -p static-checks
//! --example check_change`.

#![expect(clippy::print_stdout, reason = "an example that shows what happens")]

use static_checks::{Change, Settings, Severity, check};

const QUEUE_BEFORE: &str =
    "pub fn push(queue: &mut Vec<u8>, byte: u8) {\n    queue.push(byte);\n}\n";
const QUEUE_AFTER: &str =
    "pub fn push(queue: &mut Vec<u8>, byte: u8) {\n<<<<<<< ours\n    todo!()\n}\n";
const CONFIG: &str = "{\"retries\": 3,}\n";
const WELL: &str = "def double(number):\n    return 2 * number\n";

fn main() {
    let changes = [
        change("src/queue.rs", Some(QUEUE_BEFORE), QUEUE_AFTER),
        change("config.json", None, CONFIG),
        change("jobs/double.py", None, WELL),
    ];
    let findings = check(&changes, &Settings::default());
    for finding in &findings {
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        println!("{}{line}: {}: {}", finding.path, finding.severity, finding.message);
        println!("    {}", finding.suggestion);
    }
    let refused = findings.iter().filter(|one| one.severity == Severity::High).count();
    println!("{} findings, {refused} of them a reason to refuse the change", findings.len());
}

fn change<'a>(path: &'a str, before: Option<&'a str>, after: &'a str) -> Change<'a> {
    Change { path, before: before.map(str::as_bytes), after: Some(after.as_bytes()) }
}
