//! The nearest right word. A refusal that only says "unknown" sends people to the manual for a
//! letter they swapped.

/// Of `words`, the one that a person most likely meant by `wrong`, if any is near enough: within a
/// few letters of it, or a longer or shorter form of it, as `api_key` is of `api_key_env`.
pub(super) fn nearest<'a>(wrong: &str, words: &[&'a str]) -> Option<&'a str> {
    let wanted = plain(wrong);
    let is_form_of = |word: &str| {
        let (short, long) = if word.len() < wanted.len() {
            (word, wanted.as_str())
        } else {
            (wanted.as_str(), word)
        };
        short.len() >= SHORTEST_FORM && long.contains(short)
    };
    words
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&wanted, &plain(word)), *word))
        .filter(|(distance, word)| {
            *distance <= (word.chars().count() / 3).max(1) || is_form_of(&plain(word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Shorter ones stand within too many words by chance.
const SHORTEST_FORM: usize = 4;

/// The end of a sentence about a wrong word: `, did you mean X?`, or else the words there are.
pub(super) fn suggestion(wrong: &str, words: &[&str]) -> String {
    match nearest(wrong, words) {
        Some(word) => format!(", did you mean `{word}`?"),
        None if words.is_empty() => String::new(),
        None if words.len() == 1 => format!(", expected {}", list(words)),
        None => format!(", expected one of {}", list(words)),
    }
}

/// `a`, `b` and so on, each between backticks.
fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Case and the choice between `-` and `_` are the commonest slips, and no difference at all.
fn plain(word: &str) -> String {
    word.chars().take(100).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_other_words_none() {
        let words = ["timeout", "test_timeout", "chain", "api_key_env", "max_models"];
        for (wrong, meant) in [
            ("timout", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("TIMEOUT", Some("timeout")),
            ("test-timeout", Some("test_timeout")),
            ("chian", Some("chain")),
            ("chains", Some("chain")),
            ("api_key", Some("api_key_env")),
            ("max_models_per_chain", Some("max_models")),
            ("colour", None),
            ("", None),
            ("key", None),
        ] {
            assert_eq!(nearest(wrong, &words), meant, "{wrong}");
        }
    }

    #[test]
    fn without_a_near_word_all_are_listed() {
        assert_eq!(suggestion("x", &["one", "two"]), ", expected one of `one`, `two`");
        assert_eq!(suggestion("x", &["only"]), ", expected `only`");
        assert_eq!(suggestion("x", &[]), "");
    }
}
