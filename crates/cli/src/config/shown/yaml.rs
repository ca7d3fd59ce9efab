//! A value as a person would write it in YAML, on one line.

use serde_json::Value;

/// In flow style, quoted only where a reader would else take it for something different.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if is_plain(text) => text.clone(),
        // JSON's quotes are YAML's, too.
        Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(pairs) if pairs.is_empty() => "{}".to_owned(),
        Value::Object(pairs) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", flow(&Value::String(key.clone())), flow(value))
            };
            let pairs: Vec<String> = pairs.iter().map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// Letters and signs that mean nothing in YAML, and no word or number that does.
fn is_plain(text: &str) -> bool {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "_./@+-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let has_words = text.split(' ').all(|word| !word.is_empty() && word.chars().all(is_harmless));
    let read = || serde_yaml::from_str::<Value>(text).ok();
    begins && has_words && read() == Some(Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_means_itself_has_no_quotes() {
        let value = json!({
            "a": [1, 0.5, true, null, "1m30s", "openai/gpt-5.4", "make test", "true", "12", "null"],
            "b": { "***": "**/.env", "c": "{idea}", "empty": "", "line": "a\nb: # c", "yes": "off" },
        });
        insta::assert_snapshot!(flow(&value));
    }

    proptest! {
        #[test]
        fn it_reads_back_as_it_was(texts in prop::collection::vec("\\PC{0,12}", 0..4)) {
            let value = json!({ "list": texts, "map": { "k": texts } });
            let read: Value = serde_yaml::from_str(&flow(&value)).expect("YAML");
            prop_assert_eq!(read, value);
        }
    }
}
