//! Text of others as a page may show it: bounded, and without what hides or turns it.
//!
//! Escaping keeps a text from becoming markup. It does not keep an override of direction from
//! showing `a` before `b`, so such characters are shown by their number.

use std::fmt::Write as _;

/// Characters of a line, a name or a message.
pub(crate) const LINE: usize = 400;

/// The beginning of the text on one line.
pub(crate) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    bounded(&words.join(" "), LINE)
}

/// The beginning of the text, line ends and tabs kept.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at == most {
            shown.push_str("...");
            break;
        }
        push(&mut shown, letter);
    }
    shown
}

fn push(shown: &mut String, letter: char) {
    if matches!(letter, '\n' | '\t') || !steers(letter) {
        shown.push(letter);
    } else {
        // Writing to a string cannot fail.
        let _written = write!(shown, "<U+{:04X}>", u32::from(letter));
    }
}

/// Controls, overrides of direction, and characters without any width.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Milliseconds as people read them.
pub(crate) fn time(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
        _ => format!("{} h {} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}

/// A moment of the run, as a clock counts it from the start.
pub(crate) fn clock(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds / 3_600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// Money, or that its sum is not known.
pub(crate) fn usd(usd: Option<f64>) -> String {
    usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.4} USD"))
}

/// The beginning of a commit's name.
pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_turns_text_is_shown_by_its_number() {
        assert_eq!(bounded("a\u{202e}b\u{7}c\td\n", 99), "a<U+202E>b<U+0007>c\td\n");
        assert_eq!(line("né\n 日本\u{200b}"), "né 日本<U+200B>");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(bounded("日本語", 2), "日本...");
        assert_eq!(bounded("日本", 2), "日本");
    }

    #[test]
    fn moments_are_told_as_a_clock_tells_them() {
        assert_eq!(clock(59_900), "0:59");
        assert_eq!(clock(3_725_000), "1:02:05");
    }
}
