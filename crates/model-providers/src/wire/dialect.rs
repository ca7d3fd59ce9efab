//! What differs between servers that call themselves compatible, as one dated data file.
//!
//! A difference that is known beforehand costs no refused request. What is not known is still
//! learned from a refusal: see [`super::form`]. Differences spread over the code as conditions on
//! a vendor's name could neither be listed nor be lent to a server at another address.

use std::sync::OnceLock;

use serde::Deserialize;
use url::{Host, Url};

const DATA: &str = include_str!("../../data/dialects.json");

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialects {
    #[serde(rename = "dated")]
    _dated: String,
    #[serde(rename = "note")]
    _note: String,
    dialects: Vec<Dialect>,
}

/// How one kind of server differs.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dialect {
    pub(crate) name: String,
    addresses: Vec<String>,
    /// The header that carries the key as it is, instead of the kind's own.
    pub(crate) key_header: Option<String>,
    /// How the schema is given at first.
    pub(crate) schema: SchemaWay,
    /// Whether `json_object` is known, where `json_schema` is not.
    json_object: Option<bool>,
    /// Whether the schema stands in the prompt also where a parameter carries it.
    pub(crate) repeat_schema: bool,
    usage_in_stream: Option<bool>,
    #[serde(rename = "notes")]
    _notes: String,
}

/// How a schema is given to a server, the firmest way first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SchemaWay {
    /// As a parameter that the server enforces.
    #[default]
    JsonSchema,
    /// In the prompt; a parameter asks for some JSON object.
    JsonObject,
    /// In the prompt alone.
    Prompt,
}

impl Dialect {
    pub(crate) fn knows_json_object(&self) -> bool {
        self.json_object.unwrap_or(true)
    }

    /// Whether a stream is asked to say what was used.
    pub(crate) fn usage_in_stream(&self) -> bool {
        self.usage_in_stream.unwrap_or(true)
    }

    fn is_at(&self, url: &Url) -> bool {
        self.addresses.iter().any(|address| fits(address, url))
    }
}

/// The names that a provider may be said to be like.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().iter().map(|dialect| dialect.name.as_str())
}

/// A dialect by its name.
pub(crate) fn named(name: &str) -> Option<&'static Dialect> {
    all().iter().find(|dialect| dialect.name == name)
}

/// The dialect spoken at an address; nothing special where none is known.
pub(crate) fn at(url: &Url) -> &'static Dialect {
    static PLAIN: OnceLock<Dialect> = OnceLock::new();
    let known = all().iter().find(|dialect| dialect.is_at(url));
    known.unwrap_or_else(|| PLAIN.get_or_init(Dialect::default))
}

fn all() -> &'static [Dialect] {
    static ALL: OnceLock<Dialects> = OnceLock::new();
    // A test holds the file; without it every server would still be asked in the plain way.
    &ALL.get_or_init(|| serde_json::from_str(DATA).unwrap_or_default()).dialects
}

fn fits(address: &str, url: &Url) -> bool {
    if let Some(port) = address.strip_prefix(':') {
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        return here && url.port().is_some_and(|p| p.to_string() == port);
    }
    let host = url.host_str().unwrap_or_default();
    match address.strip_prefix('*') {
        Some(end) => host.ends_with(end),
        None => host == address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_dated_and_its_names_are_told_once() {
        let read: Dialects = serde_json::from_str(DATA).unwrap();
        assert!(read._dated.parse::<jiff::civil::Date>().is_ok());
        let mut names: Vec<&str> = names().collect();
        assert_eq!(names.len(), read.dialects.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), read.dialects.len());
    }

    #[test]
    fn a_server_is_known_by_its_address() {
        for (url, name) in [
            ("https://api.openai.com/v1", "openai"),
            ("https://eu.openai.azure.com/openai/v1", "azure"),
            ("https://openai.azure.com.example/v1", ""),
            ("http://127.0.0.1:11434/v1", "ollama"),
            ("http://localhost:1234/v1", "lm-studio"),
            ("http://[::1]:8080/v1", "llama-cpp"),
            ("https://models.example:8080/v1", ""),
            ("https://api.groq.com/openai/v1", "groq"),
            ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini"),
        ] {
            assert_eq!(at(&url.parse().unwrap()).name, name, "{url}");
        }
    }
}
