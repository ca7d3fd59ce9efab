//! Lines that are drawn in place of the ones before. A frame never scrolls: it is cut to what the
//! terminal has, since what has scrolled away cannot be drawn over.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::text::flat;

const HIDE_CURSOR: &str = "\u{1b}[?25l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";
const CLEAR_ALL: &str = "\u{1b}[2J\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// What was drawn last.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    drawn: usize,
    columns: usize,
}

impl Frame {
    /// What draws these lines over the last ones.
    pub(crate) fn next(&mut self, lines: &[String], columns: usize, rows: usize) -> String {
        let mut text = HIDE_CURSOR.to_owned();
        if self.columns != columns && self.columns > 0 {
            // The terminal has broken the lines anew, so nobody knows where they stand.
            text.push_str(CLEAR_ALL);
        } else if self.drawn > 0 {
            // Writing to a string cannot fail.
            let _written = write!(text, "\r\u{1b}[{}A", self.drawn);
        }
        let room = rows.saturating_sub(1).max(1);
        let shown = lines.iter().take(room);
        for line in shown.clone() {
            let _written = write!(text, "{}{CLEAR_LINE}\r\n", cut(&flat(line), columns));
        }
        text.push_str(CLEAR_BELOW);
        self.drawn = shown.count();
        self.columns = columns;
        text
    }

    /// What leaves the terminal as it was found, below the last lines.
    pub(crate) fn end(&self) -> String {
        format!("\r{CLEAR_LINE}{SHOW_CURSOR}")
    }
}

/// As much of the line as has room.
fn cut(line: &str, columns: usize) -> String {
    if line.width() <= columns {
        return line.to_owned();
    }
    let mut used = 0;
    let fits = |letter: &char| {
        used += letter.width().unwrap_or(0);
        used < columns
    };
    let mut shown: String = line.chars().take_while(fits).collect();
    shown.push('\u{2026}');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(number: usize) -> Vec<String> {
        (1..=number).map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn the_second_frame_is_drawn_over_the_first() {
        let mut frame = Frame::default();
        assert_eq!(frame.next(&lines(1), 80, 24), "\u{1b}[?25lline 1\u{1b}[K\r\n\u{1b}[J");
        let second = frame.next(&lines(2), 80, 24);
        assert_eq!(second, "\u{1b}[?25l\r\u{1b}[1Aline 1\u{1b}[K\r\nline 2\u{1b}[K\r\n\u{1b}[J");
        assert!(frame.next(&lines(1), 80, 24).contains("\u{1b}[2A"));
    }

    #[test]
    fn a_frame_never_scrolls_and_never_wraps() {
        let mut frame = Frame::default();
        let text = frame.next(&lines(50), 5, 10);
        assert_eq!(text.matches("\r\n").count(), 9);
        assert!(text.contains("line\u{2026}\u{1b}[K"), "{text:?}");
        assert!(frame.next(&lines(50), 5, 10).contains("\u{1b}[9A"));
    }

    #[test]
    fn another_width_begins_anew() {
        let mut frame = Frame::default();
        frame.next(&lines(3), 80, 24);
        assert!(frame.next(&lines(3), 40, 24).contains(CLEAR_ALL));
    }

    #[test]
    fn the_cursor_is_given_back() {
        assert!(Frame::default().end().ends_with(SHOW_CURSOR));
    }

    #[test]
    fn nothing_of_others_steers_the_terminal() {
        let text = Frame::default().next(&["a\u{1b}[2Jb\nc".to_owned()], 80, 24);
        assert!(text.contains("a[2Jb c"), "{text:?}");
    }
}
