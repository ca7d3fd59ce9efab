//! Texts of others without what cannot be seen.
//!
//! What a model or a test run wrote goes on into prompts, commit messages, issues and terminals.
//! There an escape sequence repaints the screen, a NUL cuts the text off, and a turned or invisible
//! letter shows a person something else than what a machine reads.

/// The text without control characters other than line ends and tabs, without the sequences that
/// colour a terminal, and without invisible and direction-changing characters.
pub(crate) fn legible(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        if letter == '\u{1b}' {
            rest = behind_sequence(rest);
        } else if !is_hidden(letter) {
            clean.push(letter);
        }
    }
    clean
}

/// What follows a control sequence whose escape was taken off already. Only `[`, parameters and one
/// final byte are taken for one: longer kinds end where their author likes and could hide a text.
fn behind_sequence(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('[') else {
        return text;
    };
    let last = inner.trim_start_matches(|letter| matches!(letter, ' '..='?'));
    match last.chars().next() {
        Some('@'..='~') => last.get(1..).unwrap_or_default(),
        _ => text,
    }
}

fn is_hidden(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator, zero-width characters and
        // marks of direction, line separators and overrides, word joiners and isolates, byte order
        // mark, interlinear notes, tags.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_goes_and_the_rest_stays() {
        for (text, expected) in [
            ("grün\n\tund 🌱\n", "grün\n\tund 🌱\n"),
            ("\u{1b}[31;1mFAILED\u{1b}[0m a", "FAILED a"),
            ("a\r\nb\rc\0d\u{7}e\u{9b}f", "a\nbcdef"),
            ("\u{1b}]0;title\u{7}text", "]0;titletext"),
            ("\u{1b}[", "["),
            ("\u{1b}[31\nkept", "[31\nkept"),
            ("\u{1b}\u{1b}[2Jx", "x"),
            ("\u{202e}evil\u{202c} a\u{200b}b\u{2066}c\u{feff}d\u{e0041}", "evil abcd"),
        ] {
            assert_eq!(legible(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            let clean = legible(&text);
            prop_assert!(!clean.chars().any(is_hidden));
            prop_assert_eq!(legible(&clean), clean);
        }
    }
}
