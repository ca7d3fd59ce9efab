//! Takes secrets out of any text that comes from a server, and bounds it.
//!
//! Servers quote what they were sent: a key in an error body would otherwise travel through the
//! attempt into the journal, the log and a public issue.

use crate::Settings;

/// The shortest value that is taken for a secret where its name says so, in bytes.
const SHORTEST: usize = 4;
/// The shortest value of a header with any name, and the shortest beginning of a secret that is
/// taken out, in characters.
const TELLS_ENOUGH: usize = 8;
/// The shortest beginning and end that are known again around a mask, as in `sk-...abcd`.
const SHORTEST_HEAD: usize = 3;
const SHORTEST_TAIL: usize = 2;
const TELLING: [&str; 6] = ["key", "token", "auth", "secret", "cookie", "password"];

/// Knows every secret of the settings, whichever endpoint it belongs to.
pub(crate) struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut secrets = Vec::new();
        for endpoint in settings.endpoints.values() {
            secrets.extend(endpoint.api_key.iter().map(|key| key.expose().to_owned()));
            secrets.extend(endpoint.base_url.password().map(str::to_owned));
            for (name, value) in endpoint.program.iter().flat_map(|program| &program.env) {
                if is_telling(name) {
                    push_with_bare(&mut secrets, value, TELLS_ENOUGH);
                }
            }
            for (name, value) in endpoint.base_url.query_pairs() {
                if is_telling(&name) {
                    push_with_bare(&mut secrets, &value, SHORTEST);
                }
            }
            for (name, value) in &endpoint.headers {
                // Whoever set a header by hand may have put a secret into it, whatever its name.
                let shortest = if is_telling(name) { SHORTEST } else { TELLS_ENOUGH };
                push_with_bare(&mut secrets, value, shortest);
            }
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        secrets.sort_unstable();
        secrets.dedup();
        Self { secrets }
    }

    /// The text on one line, without secrets, of at most `most` characters.
    pub(crate) fn clean(&self, text: &str, most: usize) -> String {
        // Cut last: a secret that is cut first is no longer found.
        bounded(&self.without_secrets(text), most)
    }

    /// The secrets taken out: whole, cut short, or with a mask in their middle.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let echoes = self.secrets.iter().filter_map(|secret| echo(rest, secret));
            // The longest, so that one secret within another leaves no rest of it behind.
            let step = match echoes.max() {
                Some(bytes) => {
                    clean.push_str("[secret]");
                    bytes
                }
                None => {
                    clean.push(letter);
                    letter.len_utf8()
                }
            };
            rest = rest.get(step..).unwrap_or_default();
        }
        clean
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

/// Keeps a value, and what stands behind its scheme (`Bearer`).
fn push_with_bare(secrets: &mut Vec<String>, value: &str, shortest: usize) {
    let bare = value.split_once(' ').map(|(_, bare)| bare);
    let values = std::iter::once(value).chain(bare).map(str::trim);
    let long = values.filter(|value| value.chars().nth(shortest - 1).is_some());
    secrets.extend(long.map(str::to_owned));
}

/// How many bytes at the beginning of `text` give the secret away, if any do.
fn echo(text: &str, secret: &str) -> Option<usize> {
    let alike = text.chars().zip(secret.chars()).take_while(|(here, there)| here == there);
    let (chars, bytes) =
        alike.fold((0, 0), |(chars, bytes), (letter, _)| (chars + 1, bytes + letter.len_utf8()));
    if bytes == secret.len() {
        return Some(bytes);
    }
    if secret.chars().count() < TELLS_ENOUGH {
        return None;
    }
    let masked = if chars < SHORTEST_HEAD { None } else { masked_tail(&text[bytes..], secret) };
    if let Some(tail) = masked {
        return Some(bytes + tail);
    }
    (chars >= least_beginning(secret)).then_some(bytes)
}

/// How long a beginning must be to tell something. That a header holds an address is no secret:
/// without this every `https://` of an error would be taken out.
fn least_beginning(secret: &str) -> usize {
    match secret.split_once("://") {
        Some((scheme, _)) => scheme.chars().count() + "://".len() + TELLS_ENOUGH,
        None => TELLS_ENOUGH,
    }
}

/// The bytes of a mask and the secret's end behind it, if the text begins with both.
fn masked_tail(text: &str, secret: &str) -> Option<usize> {
    let tail = text.trim_start_matches(['.', '*', '…', '•']);
    let mask = text.len() - tail.len();
    // A single dot is the end of a sentence; one ellipsis is three bytes.
    if mask < 2 {
        return None;
    }
    let ends = tail.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let known = ends
        .take(secret.len())
        .enumerate()
        .filter(|(index, end)| index + 1 >= SHORTEST_TAIL && secret.ends_with(&tail[..*end]));
    known.map(|(_, end)| mask + end).max()
}

/// The text on one line, of at most `most` characters.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut line = words.join(" ");
    if line.chars().nth(most).is_some() {
        let kept = line.char_indices().nth(most.saturating_sub(1));
        line.truncate(kept.map_or(0, |(at, _)| at));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Endpoint, Kind, Secret};

    fn redactor() -> Redactor {
        let endpoint = Endpoint {
            api_key: Some(Secret::new("sk-abcdef".into())),
            headers: BTreeMap::from([
                ("X-Auth".to_owned(), "Bearer headersecret".to_owned()),
                ("X-Title".to_owned(), "belay".to_owned()),
                ("X-Extra".to_owned(), "plain-looking-value".to_owned()),
                ("HTTP-Referer".to_owned(), "https://team.example/".to_owned()),
            ]),
            ..Endpoint::new(
                Kind::OpenAi,
                "https://u:hunter2pw@h.example/v1?api_token=querysecret".parse().unwrap(),
            )
        };
        let mut settings = Settings::default();
        settings.endpoints.insert("p".into(), endpoint);
        Redactor::new(&settings)
    }

    #[test]
    fn every_kind_of_secret_is_taken_out() {
        let text = "sk-abcdef hunter2pw querysecret headersecret plain-looking-value belay";
        let clean = redactor().clean(text, 500);
        assert_eq!(clean, "[secret] [secret] [secret] [secret] [secret] belay");
    }

    #[test]
    fn an_echo_that_is_cut_short_or_masked_is_taken_out() {
        for (text, expected) in [
            ("key sk-abcde", "key [secret]"),
            ("key=headerse, wrong", "key=[secret], wrong"),
            ("\"headersecre\"}", "\"[secret]\"}"),
            ("xheadersecxx", "x[secret]xx"),
            ("key sk-...def.", "key [secret]."),
            ("key sk-a*****def is", "key [secret] is"),
            ("key sk-…ef", "key [secret]"),
            ("plain-lo", "[secret]"),
            ("at https://team.example/x", "at [secret]x"),
            // What tells nothing stays.
            ("keys begin with sk-", "keys begin with sk-"),
            ("headers. And plain-l", "headers. And plain-l"),
            ("sk-... is missing", "sk-... is missing"),
            ("sk-...zzzz", "sk-...zzzz"),
            ("see https://other.example/docs", "see https://other.example/docs"),
        ] {
            assert_eq!(redactor().clean(text, 500), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_within_another_leaves_no_rest() {
        let mut settings = Settings::default();
        for (name, key) in [("a", "shared-beginning"), ("b", "shared-beginning-and-end")] {
            let endpoint = Endpoint {
                api_key: Some(Secret::new(key.into())),
                ..Endpoint::new(Kind::OpenAi, "https://h.example".parse().unwrap())
            };
            settings.endpoints.insert(name.into(), endpoint);
        }
        let redactor = Redactor::new(&settings);
        let text = "shared-beginning-and-end shared-beginning shared-beginning-and-en";
        assert_eq!(redactor.clean(text, 500), "[secret] [secret] [secret]");
    }

    #[test]
    fn a_secret_at_the_cut_does_not_show_its_beginning() {
        let clean = redactor().clean("0123456789 sk-abcdef and more", 14);
        assert!(!clean.contains("sk-"), "{clean}");
    }

    #[test]
    fn long_and_many_lined_texts_are_bounded() {
        assert_eq!(bounded("a\n\n b\u{7}c", 10), "a b c");
        let long = bounded(&"ä".repeat(900), 500);
        assert_eq!(long.chars().count(), 500);
        let words = bounded(&"word ".repeat(900), 500);
        assert!(words.chars().count() <= 500 && words.ends_with('…'));
    }
}
