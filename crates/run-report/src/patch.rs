//! A patch, line by line, with what each line is. Bounded in lines and in their length: one
//! minified file must not make the page of a run unreadable.

use serde::Serialize;

use crate::text;

/// Lines of one patch, and characters of one line.
const LINES: usize = 1_500;
const COLUMNS: usize = 300;

/// A patch as the page shows it.
#[derive(Serialize, Default)]
pub(crate) struct Patch {
    lines: Vec<PatchLine>,
    /// Lines that are left out.
    more: usize,
    added: usize,
    removed: usize,
}

#[derive(Serialize)]
struct PatchLine {
    kind: &'static str,
    text: String,
}

impl Patch {
    pub(crate) fn new(patch: &str) -> Self {
        let mut shown = Self::default();
        let mut head = true;
        for line in patch.lines() {
            head = (head || line.starts_with("diff ")) && !line.starts_with("@@");
            let kind = kind(line, head);
            shown.added += usize::from(kind == "added");
            shown.removed += usize::from(kind == "removed");
            if shown.lines.len() == LINES {
                shown.more += 1;
                continue;
            }
            shown.lines.push(PatchLine { kind, text: text::bounded(line, COLUMNS) });
        }
        shown
    }
}

/// Between `diff` and the first `@@` stand names of files, not lines of them.
fn kind(line: &str, head: bool) -> &'static str {
    match line.as_bytes().first() {
        Some(b'@') => "hunk",
        _ if head => "head",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        _ => "same",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_and_counted() {
        let patch = Patch::new("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n+--b\n c");
        let kinds: Vec<&str> = patch.lines.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, ["head", "head", "head", "hunk", "removed", "added", "same"]);
        assert_eq!((patch.added, patch.removed, patch.more), (1, 1, 0));
    }

    #[test]
    fn a_long_patch_is_cut_and_says_so() {
        let patch = Patch::new(&"+x\n".repeat(LINES + 7));
        assert_eq!((patch.lines.len(), patch.more), (LINES, 7));
        let wide = Patch::new(&"x".repeat(COLUMNS * 2));
        assert_eq!(wide.lines[0].text.len(), COLUMNS + 3);
    }
}
