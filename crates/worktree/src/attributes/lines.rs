//! What the lines of an attribute file say, read at least as widely as git
//! reads them: a line that git would pass over may be taken for one that sets
//! a filter, never the other way round.

use std::collections::BTreeSet;

/// Attributes that matter in whatever form they stand.
const ALWAYS: [&str; 2] = ["filter", "working-tree-encoding"];

/// Attributes that name a program when they have a value; without one they
/// only say whether a file is text.
const WITH_VALUE: [&str; 2] = ["diff", "merge"];

/// How a line begins that defines a macro.
pub(super) const MACRO: &str = "[attr]";

/// The macros that stand for a filter, driver or encoding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Macros(BTreeSet<String>);

impl Macros {
    /// Those that this file defines, also by way of each other.
    pub(super) fn of(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut macros = Self::default();
        loop {
            let defined = text.lines().filter(|line| macros.is_transforming(line));
            let names: BTreeSet<String> = defined.filter_map(defined_in).collect();
            if names.is_subset(&macros.0) {
                return macros;
            }
            macros.0.extend(names);
        }
    }

    /// The macros of both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The lines that say something about filters, drivers or encodings.
    pub(super) fn transforming(&self, text: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        let lines = text.split(['\n', '\r']).filter(|line| self.is_transforming(line));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    fn is_transforming(&self, line: &str) -> bool {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.starts_with('#') {
            return false;
        }
        if defined_in(line).is_some_and(|name| self.0.contains(&name)) {
            return true;
        }
        // Where a quoted pattern ends is git's affair: every part counts.
        let quoted = line.starts_with('"');
        let is_blank = |c: char| c.is_whitespace() || (quoted && c == '"');
        let parts = line.split(is_blank).filter(|part| !part.is_empty());
        parts.skip(usize::from(!quoted)).any(|part| self.is_transforming_part(part))
    }

    fn is_transforming_part(&self, part: &str) -> bool {
        let (name, has_value) =
            part.split_once('=').map_or((part, false), |(name, _)| (name, true));
        let name = name.trim_start_matches(['-', '!']);
        ALWAYS.contains(&name) || (has_value && WITH_VALUE.contains(&name)) || self.0.contains(name)
    }
}

/// The name of the macro that a line defines.
fn defined_in(line: &str) -> Option<String> {
    let first = line.trim_start_matches('\u{feff}').split_whitespace().next()?;
    first.strip_prefix(MACRO).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_bring_programs_or_encodings_are_found() {
        let macros = Macros::of(b"[attr]big lfs -text\n[attr]lfs filter=lfs\n[attr]plain text\n");
        for line in [
            "*.bin filter=lfs",
            "\t*.bin\ttext  filter=lfs  -text",
            "*.bin -filter",
            "*.bin !filter",
            "*.rs diff=evil",
            "* merge=union",
            "*.txt working-tree-encoding=UTF-16",
            "\"a b\" filter=lfs",
            "\"a\"filter=lfs",
            "\"a \\\" b\" filter=x",
            "[attr]x filter=lfs",
            "[attr]lfs text",
            "*.x big",
            "*.x -lfs",
            "\u{feff}*.x filter=a",
        ] {
            assert_eq!(macros.transforming(line.as_bytes()).len(), 1, "{line}");
        }
        for line in [
            "",
            "# *.bin filter=lfs",
            "* text=auto eol=crlf",
            "*.lock -diff",
            "*.png binary",
            "*.x plain",
            "filter=lfs text",
            "*.md diff",
            "gen/** linguist-generated",
        ] {
            assert!(macros.transforming(line.as_bytes()).is_empty(), "{line}");
        }
    }

    #[test]
    fn text_of_no_encoding_hides_nothing() {
        let text = b"\xff\xfe junk\r\n*.bin filter=x\xff\r*.c diff=y";
        assert_eq!(Macros::default().transforming(text).len(), 2);
    }
}
