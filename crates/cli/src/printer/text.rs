//! Text as a terminal may have it.
//!
//! Models and repositories write some of what is shown. Taken as it comes, a
//! control character clears the screen, an override turns `safe` round, a line
//! end forges a line of ours, and a long line tears the layout.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Drops what could steer the terminal or hide text; line ends and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !steers(*c)).collect()
}

/// The same on one line: whatever separates lines or columns becomes a space.
pub(crate) fn flat(text: &str) -> String {
    let lines = text.trim_end().replace("\r\n", "\n");
    let spaced = lines.chars().map(|c| if separates(c) { ' ' } else { c });
    spaced.filter(|c| !steers(*c)).collect()
}

fn separates(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Controls, overrides of direction, and characters without any width.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The line as lines of at most `width` columns, broken at words; all but the
/// first are indented by `hang` columns, or by less where there is no room.
///
/// A word that fits on no line is broken where it must be.
pub(crate) fn wrapped(line: &str, width: usize, hang: usize) -> Vec<String> {
    let width = width.max(10);
    let hang = hang.min(width / 4);
    let mut lines = Vec::new();
    let mut rest = line.trim_end().to_owned();
    while rest.width() > width {
        let at = break_at(&rest, width, hang);
        let (here, next) = rest.split_at(at);
        lines.push(here.trim_end().to_owned());
        rest = format!("{}{}", " ".repeat(hang), next.trim_start());
    }
    lines.push(rest);
    lines
}

/// Where to break a line that is too wide: after the last word that fits, but
/// not so soon that a label stands alone. Two spaces stand between things that
/// belong apart, so they are preferred; a path is broken behind a folder.
fn break_at(line: &str, width: usize, hang: usize) -> usize {
    let indent = line.len() - line.trim_start().len();
    let fits = fitting(line, width);
    let before = line.get(indent..fits).unwrap_or_default();
    let enough = |at: &usize| *at > 0 && indent + at > hang;
    let apart = before.rfind("  ").filter(|at| *at > before.len() / 2);
    // A word may also end exactly at the margin.
    let whole = line[fits..].starts_with(' ').then_some(before.len());
    let word = apart.or(whole).or_else(|| before.rfind(' ')).filter(enough);
    let folder = || before.rfind('/').map(|at| at + 1).filter(enough);
    word.or_else(folder).map_or(fits, |at| indent + at)
}

/// How many bytes of the line fit; at least one character, so that breaking ends.
fn fitting(line: &str, width: usize) -> usize {
    let mut used = 0;
    let mut end = 0;
    for (at, c) in line.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width && at > 0 {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\u{7}c\td\u{9b}2J"), "a[2Jbc\td2J");
    }

    #[test]
    fn overrides_and_characters_without_width_are_dropped() {
        assert_eq!(clean("ab\u{202e}cd\u{2066}e\u{200b}f\u{feff}g\u{ad}h\u{e0041}"), "abcdefgh");
        assert_eq!(clean("né 日本 👍"), "né 日本 👍");
    }

    #[test]
    fn a_line_of_somebody_elses_stays_one_line() {
        assert_eq!(flat("bad\r\nRun completed\u{2028}x\ty\n"), "bad Run completed x y");
    }

    #[test]
    fn lines_break_at_words_with_an_indent() {
        let line = "  item 2    a/code failed after 1.2 s (timeout): no first token in time";
        assert_eq!(
            wrapped(line, 40, 12),
            [
                "  item 2    a/code failed after 1.2 s",
                "          (timeout): no first token in",
                "          time"
            ]
        );
    }

    #[test]
    fn things_that_belong_apart_are_broken_apart() {
        let line = "  planner: 1. a/large [CLOSED]  2. b/medium [CLOSED]  3. c/small [OPEN]";
        assert_eq!(
            wrapped(line, 50, 4),
            ["  planner: 1. a/large [CLOSED]", "    2. b/medium [CLOSED]  3. c/small [OPEN]"]
        );
    }

    #[test]
    fn a_word_longer_than_the_line_is_broken_where_it_must_be() {
        assert_eq!(wrapped("see xxxxxxxxxxxxxxxx", 10, 2), ["see", "  xxxxxxxx", "  xxxxxxxx"]);
    }

    #[test]
    fn a_label_does_not_stand_alone_and_a_path_breaks_behind_a_folder() {
        assert_eq!(
            wrapped("  issue     .belay/issues/0001-unfinished-numbers-numbers.md", 50, 12),
            ["  issue     .belay/issues/", "            0001-unfinished-numbers-numbers.md"]
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(text in "[a-z 日é]{0,200}", width in 10_usize..120, hang in 0_usize..20) {
            let lines = wrapped(&text, width, hang);
            prop_assert!(lines.iter().all(|line| line.width() <= width), "{lines:?}");
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn whatever_is_said_is_one_line_without_controls(text in any::<String>()) {
            prop_assert!(!flat(&text).chars().any(char::is_control));
        }
    }
}
