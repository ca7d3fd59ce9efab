//! The nearest right word. A refusal that only says "unknown" sends people to the manual for a
//! letter they swapped.

/// Of `words`, the one that a person most likely meant by `wrong`, if any is near enough.
pub(super) fn nearest<'a>(wrong: &str, words: &[&'a str]) -> Option<&'a str> {
    let wanted = plain(wrong);
    words
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&wanted, &plain(word)), *word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The end of a sentence about a wrong word: `, did you mean X?`, or else the words there are.
pub(super) fn suggestion(wrong: &str, words: &[&str]) -> String {
    match nearest(wrong, words) {
        Some(word) => format!(", did you mean `{word}`?"),
        None if words.is_empty() => String::new(),
        None => format!(", expected one of {}", list(words)),
    }
}

/// `a`, `b` and so on, each between backticks.
pub(super) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Case and the choice between `-` and `_` are the commonest slips, and no difference at all.
fn plain(word: &str) -> String {
    word.chars()
        .take(100)
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}
