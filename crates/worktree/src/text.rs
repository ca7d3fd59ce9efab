//! Text from models, config and other programs on its way to a terminal or
//! into a commit, where an escape sequence would take over the screen of
//! everyone who reads the log, and a NUL makes git refuse the whole.

/// For a place of several lines: without control characters, but with line
/// ends and tabs, and without characters that turn or hide text.
pub(crate) fn in_lines(text: &str) -> String {
    text.chars().filter(|&c| matches!(c, '\n' | '\t') || !is_unfit(c)).collect()
}

/// For a place within a line, such as a name: line ends and tabs become spaces.
pub(crate) fn in_line(text: &str) -> String {
    let spaced = in_lines(text).replace(['\n', '\t'], " ");
    spaced.trim().to_owned()
}

/// What a program said in several lines, as one.
pub(crate) fn one_line(text: &str) -> String {
    let text = in_lines(text);
    let lines = text.lines().map(|line| line.trim().replace('\t', " "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Whether git finds anything in it to call an author by: it drops these at
/// both ends, and refuses what is then empty.
pub(crate) fn is_name(name: &str) -> bool {
    let is_crud =
        |c: char| c <= ' ' || matches!(c, '.' | ',' | ':' | ';' | '<' | '>' | '"' | '\\' | '\'');
    !name.chars().all(is_crud)
}

fn is_unfit(c: char) -> bool {
    let hides = matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    hides || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfit_is_dropped_and_the_rest_kept() {
        let text = "a\0b\u{1b}[31mc\r\n\td\u{7f}\u{9b}\u{202e}e\u{2066}\u{200b}\u{feff}ü 🦀";
        assert_eq!(in_lines(text), "ab[31mc\n\tdeü 🦀");
        assert_eq!(in_line("\u{feff} Ada\nof\tLondon\0 "), "Ada of London");
    }

    #[test]
    fn several_lines_become_one() {
        assert_eq!(one_line("fatal: a\r\n\n  fatal:\tb\n"), "fatal: a; fatal: b");
        assert_eq!(one_line(" \n"), "");
    }

    #[test]
    fn a_name_needs_more_than_what_git_strips() {
        for name in ["", " ", "<>", ".,:;<>\"'\\ "] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name("<Ada>"));
    }
}
