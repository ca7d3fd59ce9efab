//! Facts on their way into a template: bounded, and free of characters that
//! would hide or reorder what a person reads. Ideas, provider errors and test
//! output are written by others; nothing of theirs arrives here unlimited.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

/// Longest text a template sees, in characters. Longer than any path a file
/// system takes, so a path is never shortened into another one.
const TEXT_CHARS: usize = 16 * 1024;
/// Most entries of a list a template sees.
const LIST_ENTRIES: usize = 500;

/// The facts as the template engine wants them.
pub(crate) fn context(facts: &impl Serialize) -> Result<minijinja::Value, serde_json::Error> {
    serde_json::to_value(facts).map(convert)
}

/// Facts are a few levels deep by their types, so recursion is bounded.
fn convert(value: Json) -> minijinja::Value {
    match value {
        Json::Null => minijinja::Value::from(()),
        Json::Bool(flag) => minijinja::Value::from(flag),
        Json::Number(number) => number
            .as_u64()
            .map(minijinja::Value::from)
            .or_else(|| number.as_i64().map(minijinja::Value::from))
            .or_else(|| number.as_f64().map(minijinja::Value::from))
            .unwrap_or_default(),
        Json::String(text) => minijinja::Value::from(clean(&text)),
        Json::Array(items) => {
            items.into_iter().take(LIST_ENTRIES).map(convert).collect::<Vec<_>>().into()
        }
        Json::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, convert(value)))
            .collect::<BTreeMap<_, _>>()
            .into(),
    }
}

/// The text without control, bidirectional and invisible formatting
/// characters (line breaks and tabs stay), and cut at the limit.
pub(crate) fn clean(text: &str) -> String {
    let mut kept = text.chars().filter(|c| !deceives(*c));
    let mut cleaned: String = kept.by_ref().take(TEXT_CHARS).collect();
    if kept.next().is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Characters that YAML refuses, or that show a reader something other than what is there.
fn deceives(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => c.is_control() || (u32::from(c) & 0xfffe) == 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_ordinary_text_as_it_is() {
        let text = "Grüße, 世界 🎉\n\tsecond line";
        assert_eq!(clean(text), text);
    }

    #[test]
    fn drops_what_hides_or_reorders_text() {
        assert_eq!(clean("a\u{202e}b\u{200b}c\0d\u{1b}[31me\r\n\u{feff}f\u{ffff}"), "abcd[31me\nf");
    }

    #[test]
    fn cuts_long_text_and_long_lists() {
        assert_eq!(clean(&"x".repeat(1_000_000)).chars().count(), TEXT_CHARS + 1);
        let list = vec!["x"; 10_000];
        assert_eq!(convert(serde_json::json!(list)).len(), Some(LIST_ENTRIES));
    }
}
