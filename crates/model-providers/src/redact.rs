//! Takes secrets out of any text that comes from a server, and bounds it.
//!
//! Servers quote what they were sent: a key in an error body would otherwise travel through the
//! attempt into the journal, the log and a public issue.

use crate::Settings;

const SHORTEST: usize = 4;
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
            let queries = endpoint.base_url.query_pairs();
            let queries = queries.map(|(name, value)| (name.into_owned(), value.into_owned()));
            let headers = endpoint.headers.clone().into_iter();
            for (name, value) in headers.chain(queries) {
                let name = name.to_lowercase();
                if TELLING.iter().any(|word| name.contains(word)) {
                    let bare = value.split_once(' ').map(|(_, bare)| bare.to_owned());
                    secrets.extend(bare);
                    secrets.push(value);
                }
            }
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // The longest first, so that one secret within another leaves no rest of it behind.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// The text on one line, without secrets, of at most `most` characters.
    pub(crate) fn clean(&self, text: &str, most: usize) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "[secret]");
            }
        }
        // Cut last: a secret that is cut first is no longer found.
        bounded(&text, most)
    }
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
            kind: Kind::OpenAi,
            base_url: "https://u:hunter2pw@h.example/v1?api_token=querysecret".parse().unwrap(),
            api_key: Some(Secret::new("sk-abcdef".into())),
            headers: BTreeMap::from([
                ("X-Auth".to_owned(), "Bearer headersecret".to_owned()),
                ("X-Title".to_owned(), "harmless".to_owned()),
            ]),
        };
        let mut settings = Settings::default();
        settings.endpoints.insert("p".into(), endpoint);
        Redactor::new(&settings)
    }

    #[test]
    fn every_kind_of_secret_is_taken_out() {
        let text = "sk-abcdef hunter2pw querysecret headersecret harmless";
        let clean = redactor().clean(text, 500);
        assert_eq!(clean, "[secret] [secret] [secret] [secret] harmless");
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
