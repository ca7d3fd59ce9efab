//! What people answered in an issue's own text: what stands below each line
//! `## Answer`.
//!
//! The failure this prevents: a question that quotes a model or a test, or a
//! comment of ours, is taken for its own answer. What we write keeps this
//! heading only where a person is meant to write: as a body's last line.

use crate::issue::Reply;
use crate::text::{self, ANSWER, MARK, MAX_REPLIES};

/// The heading of our own comments where an issue is only a text.
pub(crate) const COMMENTS: &str = "## Comments";

/// Ends a comment of ours where an issue is only a text: what a person writes below it, at the
/// end of the file, is theirs.
pub(crate) const END: &str = "<!-- belay:end -->";

/// The body with the heading as its last line or not at all: the text below
/// any other would pass for an answer.
pub(crate) fn reserved(body: &str) -> String {
    match body.trim_end().strip_suffix(ANSWER) {
        Some(before) if before.is_empty() || before.ends_with('\n') => {
            format!("{}{ANSWER}", without_headings(before))
        }
        _ => without_headings(body),
    }
}

/// The text with the heading made into plain words wherever it stands.
pub(crate) fn without_headings(text: &str) -> String {
    let escaped = |line: &str| {
        if is_heading(line) { line.replacen('#', "\\#", 1) } else { line.to_owned() }
    };
    text.split_inclusive('\n').map(escaped).collect()
}

/// The replies in what follows the front matter. Each ends at the next
/// heading or at a comment of ours; below one that has ended, where people are
/// asked at all, begins another.
pub(crate) fn below_headings(rest: &str) -> Vec<Reply> {
    let mut written: Vec<String> = Vec::new();
    let (mut answering, mut asked) = (false, false);
    for line in rest.lines() {
        asked |= is_heading(line);
        if is_heading(line) || line.trim_end() == END && asked {
            written.push(String::new());
            answering = true;
        } else if is_mark(line) {
            // The heading above our first comment is ours as well.
            if let Some(reply) = written.last_mut().filter(|_| answering)
                && let Some(before) = reply.trim_end().strip_suffix(COMMENTS)
            {
                reply.truncate(before.len());
            }
            answering = false;
        } else if let Some(reply) = written.last_mut().filter(|_| answering) {
            reply.push_str(line);
            reply.push('\n');
        }
    }
    let replies = written.iter().filter_map(|reply| text::reply(reply));
    let mut replies: Vec<Reply> = replies.map(|body| Reply { author: None, body }).collect();
    replies.drain(..replies.len().saturating_sub(MAX_REPLIES));
    replies
}

/// Whether a line is a hidden mark of ours.
pub(crate) fn is_mark(line: &str) -> bool {
    line.starts_with(MARK) && line.trim_end().ends_with("-->")
}

/// Read as Markdown shows it: up to three blanks before it, and a person's
/// own spelling.
fn is_heading(line: &str) -> bool {
    let trimmed = line.trim_start_matches(' ');
    let words = trimmed.strip_prefix("##").filter(|words| words.starts_with([' ', '\t']));
    line.len() - trimmed.len() <= 3
        && words.is_some_and(|words| {
            words.trim().trim_end_matches([':', '#', ' ']).eq_ignore_ascii_case("answer")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(rest: &str) -> Vec<String> {
        below_headings(rest).into_iter().map(|reply| reply.body).collect()
    }

    #[test]
    fn a_heading_is_read_as_people_write_it() {
        for line in ["## Answer", "## answer:", "   ##  ANSWER  ", "##\tAnswer ##", "## Answer\r"] {
            assert!(is_heading(line), "{line:?}");
        }
        for line in [
            "Answer",
            "# Answer",
            "### Answer",
            "##Answer",
            "    ## Answer",
            "> ## Answer",
            "## Answers",
            "## The answer",
            "\\## Answer",
            "",
        ] {
            assert!(!is_heading(line), "{line:?}");
        }
    }

    #[test]
    fn each_heading_begins_a_reply_and_a_comment_of_ours_ends_it() {
        let rest = "\nWhich?\n\n## Answer\n\nCSV.\n\n- and\n  more\n\n## Comments\n\n\
            <!-- belay:comment=a -->\nours\n\n## Answer\nNot CSV.\n\
            <!-- belay:closed -->\nClosed: done\n";
        assert_eq!(bodies(rest), ["CSV.\n\n- and\n  more", "Not CSV."]);
    }

    #[test]
    fn what_stands_below_a_comment_of_ours_is_a_reply_where_one_is_asked_for() {
        let ours = "## Comments\n\n<!-- belay:comment=a -->\nours\n<!-- belay:end -->\n";
        let rest = format!("Which?\n\n## Answer\n\nCSV.\n\n{ours}Not CSV.\n\n{ours}");
        assert_eq!(bodies(&rest), ["CSV.", "Not CSV."]);
        assert_eq!(bodies(&format!("Done.\n\n{ours}a word\n")), [""; 0]);
    }

    #[test]
    fn what_holds_no_word_of_a_person_is_no_reply() {
        for rest in [
            "",
            "## Answer",
            "## Answer\n\n \t\n\u{200b}\n",
            "## Answer\n> Which one?\n>\n> This?\n",
            "## Answer\n<!-- write here -->\n",
            "## Answer\n<!-- never closed\nhidden",
            "## Answer\n\n## Comments\n\n<!-- belay:comment=a -->\nours",
            "no heading\n",
        ] {
            assert_eq!(bodies(rest), [""; 0], "{rest:?}");
        }
    }

    #[test]
    fn only_the_last_line_of_a_body_is_kept_as_a_heading() {
        for (body, wanted) in [
            ("a\n## Answer", "a\n## Answer"),
            ("## Answer\n", "## Answer"),
            ("a\n## Answer\nforged\n## Answer", "a\n\\## Answer\nforged\n## Answer"),
            ("## Answer\nforged", "\\## Answer\nforged"),
            ("a ## Answer", "a ## Answer"),
            ("a\n  ## answer:", "a\n  \\## answer:"),
        ] {
            assert_eq!(reserved(body), wanted, "{body:?}");
        }
    }

    #[test]
    fn of_many_replies_the_last_are_kept() {
        let rest: String = (0..99).map(|n| format!("## Answer\n{n}\n")).collect();
        let kept = bodies(&rest);
        assert_eq!(kept.len(), MAX_REPLIES);
        assert_eq!(kept.last().map(String::as_str), Some("98"));
    }
}
