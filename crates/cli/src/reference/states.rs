//! Exit states and the names of errors.

use super::source;
use super::{row, table};
use crate::error::Code;
use crate::exit::Exit;

const EXITS: &str = include_str!("../exit.rs");
const CODES: &str = include_str!("../error/code.rs");

const ALL: [Exit; 9] = [
    Exit::Success,
    Exit::Failure,
    Exit::Usage,
    Exit::Blocked,
    Exit::Held,
    Exit::Partial,
    Exit::Degraded,
    Exit::Interrupted,
    Exit::Killed,
];

pub(super) fn exits() -> String {
    let mut text = "## Exit states\n\n".to_owned() + &table(&["exit", "meaning"]);
    let declared = source::variants(EXITS, "Exit");
    assert_eq!(declared.len(), ALL.len(), "an exit state is missing here");
    for (exit, declared) in ALL.iter().zip(&declared) {
        assert_eq!(format!("{exit:?}"), declared.name, "in the order of their declaration");
        text.push_str(&row(&[&exit.code().to_string(), &declared.doc]));
    }
    text
}

pub(super) fn errors() -> String {
    let head = "## Error names\n\nWhat was kept and what to do stands in [errors](errors.md).\n\n";
    let mut text = head.to_owned() + &table(&["name", "exit", "about"]);
    for code in Code::ALL {
        let slug = code.slug();
        let name = format!("[`{slug}`](errors.md#{slug})");
        text.push_str(&row(&[&name, &code.exit().code().to_string(), &about(slug)]));
    }
    text
}

/// The comment above a code's declaration.
fn about(slug: &str) -> String {
    let lines: Vec<&str> = CODES.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&format!("= \"{slug}\"")));
    let above = at.and_then(|at| lines.get(at.checked_sub(1)?)).expect("a comment above it");
    above.trim_start_matches('/').trim().to_owned()
}
