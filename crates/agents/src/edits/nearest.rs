//! The lines that a search which matched nowhere probably meant.
//!
//! A model repairs an edit when it sees the text as it is. The search for it is bounded: lines are
//! looked up by their trimmed text, and only if none is found are some compared letter by letter.

use std::collections::HashMap;

use crate::fence;

/// Lines of a file that are compared at all.
const MAX_LINES: usize = 50_000;
/// Letters of a line that are compared.
const MAX_LETTERS: usize = 160;
/// Lines that are shown.
const MAX_SHOWN: usize = 12;
/// A trimmed line that occurs more often than this (`}`) says nothing.
const MAX_TWINS: usize = 20;

/// The best window of lines, if any is near.
pub(super) struct Nearest {
    /// The number of the first line, from 1, and the lines.
    window: Option<(usize, Vec<String>)>,
}

impl Nearest {
    pub(super) fn find(text: &str, search: &str) -> Self {
        let lines: Vec<&str> = text.lines().take(MAX_LINES).collect();
        let wanted: Vec<&str> = search.lines().take(MAX_LINES).collect();
        let start = by_lines(&lines, &wanted).or_else(|| by_letters(&lines, &wanted));
        let window = start.map(|start| {
            let shown = lines.iter().skip(start).take(wanted.len().clamp(1, MAX_SHOWN));
            (start + 1, shown.map(|line| (*line).chars().take(MAX_LETTERS * 2).collect()).collect())
        });
        Self { window }
    }

    pub(super) fn describe(&self) -> String {
        let Some((first, lines)) = &self.window else {
            return "its search text does not occur in the file, and nothing like it does"
                .to_owned();
        };
        let shown: String = lines
            .iter()
            .enumerate()
            .map(|(index, line)| format!("{:>5}| {line}\n", first + index))
            .collect();
        let shown = fence::around("lines of the file", &shown);
        format!(
            "its search text does not occur in the file. The nearest lines are (without the numbers):\n{shown}\
             Copy the search text exactly from the file, with its white space"
        )
    }
}

/// The window start for which most lines agree but for their white space.
fn by_lines(lines: &[&str], wanted: &[&str]) -> Option<usize> {
    let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, line) in lines.iter().enumerate() {
        let numbers = index.entry(line.trim()).or_default();
        if numbers.len() <= MAX_TWINS {
            numbers.push(number);
        }
    }
    let mut votes: HashMap<usize, usize> = HashMap::new();
    for (offset, line) in wanted.iter().enumerate().filter(|(_, line)| line.trim().len() > 2) {
        let found = index.get(line.trim()).filter(|numbers| numbers.len() <= MAX_TWINS);
        for number in found.into_iter().flatten() {
            *votes.entry(number.saturating_sub(offset)).or_default() += 1;
        }
    }
    votes
        .into_iter()
        .max_by_key(|(start, count)| (*count, std::cmp::Reverse(*start)))
        .map(|(start, _)| start)
}

/// The line that shares most pairs of letters with the search's longest line.
fn by_letters(lines: &[&str], wanted: &[&str]) -> Option<usize> {
    let (offset, longest) = wanted
        .iter()
        .enumerate()
        .max_by_key(|(index, line)| (line.trim().len(), std::cmp::Reverse(*index)))?;
    let wanted = pairs(longest);
    if wanted.is_empty() {
        return None;
    }
    let mut best = (0.45, None);
    for (number, line) in lines.iter().enumerate() {
        let likeness = likeness(&wanted, &pairs(line));
        if likeness > best.0 {
            best = (likeness, Some(number.saturating_sub(offset)));
        }
    }
    best.1
}

/// The pairs of neighbouring letters of a line, sorted.
fn pairs(line: &str) -> Vec<(char, char)> {
    let letters: Vec<char> =
        line.chars().filter(|letter| !letter.is_whitespace()).take(MAX_LETTERS).collect();
    let mut pairs: Vec<(char, char)> = letters.windows(2).map(|pair| (pair[0], pair[1])).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's measure of two sorted lists: 1 for equal ones, 0 for strangers.
fn likeness(one: &[(char, char)], other: &[(char, char)]) -> f64 {
    let (mut left, mut right, mut shared) = (0, 0, 0u32);
    while let (Some(first), Some(second)) = (one.get(left), other.get(right)) {
        match first.cmp(second) {
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                left += 1;
                right += 1;
            }
        }
    }
    let total = u32::try_from(one.len() + other.len()).unwrap_or(u32::MAX);
    if total == 0 { 0.0 } else { f64::from(2 * shared) / f64::from(total) }
}
