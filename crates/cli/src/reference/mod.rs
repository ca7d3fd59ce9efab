//! docs/reference.md, made from the code: the command line, the config, events, what models are
//! asked for, exit states and errors. A page written by hand would be right on the day it was
//! written; this one fails a test as soon as it is not. `cargo xtask reference --write` renews it.

mod answers;
mod commands;
mod events;
mod keys;
mod source;
mod states;

use std::fs;
use std::path::Path;

/// Set by `cargo xtask reference --write`.
const WRITE: &str = "BELAY_REFERENCE_WRITE";

const HEAD: &str = "\
# Reference

Made from the code by `cargo xtask reference --write`; a test holds it against the code. What things
are for stands on the other pages: [config](config.md), [failover](failover.md), [errors](errors.md),
[milestones](milestones.md).

- [Commands](#commands)
- [Config keys](#config-keys)
- [Events](#events)
- [What models are asked for](#what-models-are-asked-for)
- [Exit states](#exit-states)
- [Error names](#error-names)
";

fn page() -> String {
    let parts = [
        HEAD.to_owned(),
        commands::part(),
        keys::part(),
        events::part(),
        answers::part(),
        states::exits(),
        states::errors(),
    ];
    parts.join("\n")
}

/// A row of a table, with what would end a cell escaped.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The first rows of a table.
fn table(heads: &[&str]) -> String {
    let lines: Vec<&str> = heads.iter().map(|_| "---").collect();
    row(heads) + &row(&lines)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how the build tool asks for the page to be written")]
fn the_page_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let page = page();
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, page).expect("the page is written");
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differing = page.lines().zip(written.lines()).position(|(made, there)| made != there);
    let line = differing.unwrap_or_else(|| page.lines().count().min(written.lines().count())) + 1;
    assert!(
        page == written,
        "docs/reference.md:{line} is not what the code says; renew it: cargo xtask reference --write"
    );
}
