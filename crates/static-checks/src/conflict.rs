//! Conflict markers. They come from merges, and from models that leak their
//! own search-and-replace format into a file.

use crate::language::Language;
use crate::lexer::Class;
use crate::source::{Line, Source};
use crate::{Finding, Rule, Severity};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Open,
    Base,
    Middle,
    Close,
}

impl Marker {
    /// Seven of a kind at the start of a line, then a space or the line's end.
    fn of(line: &str) -> Option<Self> {
        let (marks, label) = line.split_at_checked(7)?;
        let labelled = label.is_empty() || label.starts_with(' ');
        match marks {
            "<<<<<<<" if labelled => Some(Self::Open),
            "|||||||" if labelled => Some(Self::Base),
            ">>>>>>>" if labelled => Some(Self::Close),
            "=======" if label.trim_end().is_empty() => Some(Self::Middle),
            _ => None,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Open => "<<<<<<<",
            Self::Base => "|||||||",
            Self::Middle => "=======",
            Self::Close => ">>>>>>>",
        }
    }
}

/// High for each added marker; medium inside a fenced block of Markdown, where
/// it may be an example.
pub(crate) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut open = false;
    let mut fenced = false;
    for (number, line) in source.numbered() {
        if source.language == Language::Markdown && line.text.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let Some(marker) = Marker::of(line.text) else {
            continue;
        };
        let counts = match marker {
            Marker::Open | Marker::Close => true,
            Marker::Base => open,
            Marker::Middle => open || is_stray_middle(source, line),
        };
        open = match marker {
            Marker::Open => true,
            Marker::Close => false,
            Marker::Base | Marker::Middle => open,
        };
        if counts && line.added {
            findings.push(finding(source.path, number, marker, fenced));
        }
    }
    findings
}

/// Seven equals signs underline a heading in prose, docstrings and comments;
/// in code they mean nothing else than a conflict.
fn is_stray_middle(source: &Source<'_>, line: &Line<'_>) -> bool {
    !source.language.is_prose()
        && source.language != Language::Markup
        && source.class(line, 0) == Class::Code
}

fn finding(path: &str, line: u32, marker: Marker, fenced: bool) -> Finding {
    Finding {
        path: path.to_owned(),
        line: Some(line),
        severity: if fenced { Severity::Medium } else { Severity::High },
        rule: Rule::ConflictMarker,
        message: format!("A conflict marker `{}` stands in the file.", marker.text()),
        suggestion: "Keep one side, or join both, and remove every marker line.".to_owned(),
    }
}
