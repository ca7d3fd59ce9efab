//! Line endings, byte-order mark and final newline of a text that is written anew.
//!
//! Models answer with LF, without a mark and with a newline at the end, whatever the file has. Taken
//! as it comes, that turns a change of one line into one of the whole file, in which a person finds
//! nothing any more. So each line that was there keeps its ending, and a new one gets that of the
//! line whose place it takes.

/// Cells of the table that aligns two texts; where more were needed, only the lines before the first
/// and after the last difference are taken for the same.
const MAX_CELLS: usize = 4_000_000;

/// How most lines of a text end.
pub(super) fn dominant(text: &str) -> &'static str {
    let crlf = text.matches("\r\n").count();
    let lf = text.matches('\n').count() - crlf;
    if crlf > lf { "\r\n" } else { "\n" }
}

pub(super) fn to_lf(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The text and whether a byte-order mark was taken off.
pub(super) fn without_mark(text: &str) -> (&str, bool) {
    text.strip_prefix('\u{feff}').map_or((text, false), |rest| (rest, true))
}

/// The new text, given with LF, with the endings that its lines had in the old one; `fallback` is for
/// lines that have no counterpart. Whether the last line ends at all stays as the new text says.
pub(super) fn carry(old: &str, new: &str, fallback: &'static str) -> String {
    let old: Vec<(&str, &'static str)> = old.split_inclusive('\n').map(split_ending).collect();
    let found: Vec<&'static str> =
        old.iter().map(|(_, ending)| *ending).filter(|ending| !ending.is_empty()).collect();
    match found.first() {
        None => new.replace('\n', fallback),
        Some(first) if found.iter().all(|ending| ending == first) => new.replace('\n', first),
        Some(_) => carry_mixed(&old, new, fallback),
    }
}

fn carry_mixed(old: &[(&str, &'static str)], new: &str, fallback: &'static str) -> String {
    let new: Vec<(&str, &str)> = new.split_inclusive('\n').map(split_ending).collect();
    let mut text = String::new();
    for ((line, ending), counterpart) in new.iter().zip(counterparts(old, &new)) {
        text.push_str(line);
        if !ending.is_empty() {
            let kept = counterpart.and_then(|at| old.get(at)).map_or("", |(_, ending)| *ending);
            text.push_str(if kept.is_empty() { fallback } else { kept });
        }
    }
    text
}

/// A line and how it ends; only the last one may not end at all.
fn split_ending(line: &str) -> (&str, &'static str) {
    if let Some(line) = line.strip_suffix("\r\n") {
        (line, "\r\n")
    } else if let Some(line) = line.strip_suffix('\n') {
        (line, "\n")
    } else {
        (line, "")
    }
}

/// For each new line the old one that it is, or whose place it takes.
fn counterparts(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<Option<usize>> {
    let same = |one: &(&str, &str), other: &(&str, &str)| one.0 == other.0;
    let head = old.iter().zip(new).take_while(|(one, other)| same(one, other)).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(one, other)| same(one, other))
        .count();
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut found: Vec<Option<usize>> = (0..head).map(Some).collect();
    found.extend(aligned(old_middle, new_middle).iter().map(|at| at.map(|at| at + head)));
    found.extend((old.len() - tail..old.len()).map(Some));
    take_places(&mut found, old.len());
    found
}

/// The longest common subsequence of two lists of lines, as the old line of each new one.
fn aligned(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<Option<usize>> {
    let width = new.len() + 1;
    let mut found = vec![None; new.len()];
    if (old.len() + 1).saturating_mul(width) > MAX_CELLS {
        return found;
    }
    // How many lines two tails share at most; the shorter of them has fewer than 2,000.
    let mut shared = vec![0u16; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            shared[at * width + to] = if old[at].0 == new[to].0 {
                shared[(at + 1) * width + to + 1].saturating_add(1)
            } else {
                shared[(at + 1) * width + to].max(shared[at * width + to + 1])
            };
        }
    }
    let (mut at, mut to) = (0, 0);
    while at < old.len() && to < new.len() {
        if old[at].0 == new[to].0 {
            found[to] = Some(at);
            (at, to) = (at + 1, to + 1);
        } else if shared[(at + 1) * width + to] >= shared[at * width + to + 1] {
            at += 1;
        } else {
            to += 1;
        }
    }
    found
}

/// Lines without a counterpart take the places of the old ones between their neighbours', in order.
fn take_places(found: &mut [Option<usize>], old: usize) {
    let mut until = old;
    let mut ends = vec![old; found.len()];
    for (end, at) in ends.iter_mut().zip(found.iter()).rev() {
        until = at.unwrap_or(until);
        *end = until;
    }
    let mut next = 0;
    for (at, end) in found.iter_mut().zip(ends) {
        if at.is_none() && next < end {
            *at = Some(next);
        }
        next = at.map_or(next, |at| at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn untouched_lines_of_a_mixed_file_keep_their_endings() {
        let old = "a\r\nb\nc\r\nd\n";
        for (new, expected) in [
            ("a\nb\nc\nd\n", "a\r\nb\nc\r\nd\n"),
            ("a\nB\nc\nd\n", "a\r\nB\nc\r\nd\n"),
            ("a\nb\nC\nd\n", "a\r\nb\nC\r\nd\n"),
            ("a\nc\nd\n", "a\r\nc\r\nd\n"),
            ("c\nd\ne\n", "c\r\nd\ne\n"),
            ("x\na\nb\ny\nz\nd\n", "x\na\r\nb\ny\r\nz\nd\n"),
            ("d", "d"),
            ("", ""),
        ] {
            assert_eq!(carry(old, new, "\n"), expected, "{new:?}");
        }
    }

    #[test]
    fn texts_too_long_to_align_keep_their_ends() {
        let old: String = (0..3000).map(|line| format!("{line}\r\n")).collect::<String>() + "end\n";
        let middle: String = (0..3000).map(|line| format!("new {line}\n")).collect();
        let carried = carry(&old, &format!("0\n{middle}end\n"), "\r\n");
        assert!(carried.starts_with("0\r\nnew 0\r\n") && carried.ends_with("new 2999\r\nend\n"));
    }

    proptest! {
        #[test]
        fn an_unchanged_text_comes_back_byte_for_byte(old in "(a|b|\r\n|\n){0,30}") {
            prop_assert_eq!(carry(&old, &to_lf(&old), "\n"), old);
        }

        #[test]
        fn only_endings_are_touched(old in "(a|b|\r\n|\n){0,20}", new in "(a|b|\n){0,20}") {
            prop_assert_eq!(to_lf(&carry(&old, &new, "\r\n")), new);
        }
    }
}
