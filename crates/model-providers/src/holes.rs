//! Whether an answer from which a piece may be missing is whole all the same.
//!
//! One event of a stream that cannot be read may have carried text. What is left may still be JSON
//! that fits its schema: a sentence lost from inside a string parses as well as the whole string.
//! So that it parses is no proof. It is one if the grammar and the schema leave no room for a
//! lost piece:
//!
//! - the piece is missing before the object or behind it; or
//! - it is missing between two marks of the grammar (not inside a string, not beside a number or a
//!   word), and each container around that place is an object that allows no other properties than
//!   those the schema lists, all of which are there. Then nothing but blanks fits in: a lost
//!   member would have to be there twice, and a lost element needs a list. A value that begins with
//!   a quotation mark right behind the place is no proof: the mark may have stood inside a string,
//!   behind a backslash that is lost.
//!
//! Everything else counts as lost, and the answer as broken off.

use serde_json::Value;

/// More holes than this are not looked at.
const MOST: usize = 16;

/// Whether nothing can be missing at any of these places of a text whose object passed its checks.
pub(crate) fn are_empty(text: &str, holes: &[usize], schema: &Value) -> bool {
    let Some((from, to)) = text.find('{').zip(text.rfind('}')) else {
        return holes.is_empty();
    };
    let Some(object) = text.get(from..=to) else {
        return false;
    };
    let Ok(value) = serde_json::from_str::<Value>(object) else {
        return holes.is_empty();
    };
    let within = holes.iter().filter(|hole| **hole > from && **hole <= to);
    holes.len() <= MOST
        && within.into_iter().all(|hole| {
            let path = path_at(object.as_bytes(), hole - from);
            path.is_some_and(|path| is_full(&path, &value, schema))
        })
}

/// The keys of the objects around a place between two marks, the outermost first; nothing if the
/// place is within or beside a value that could be longer, or within a list.
fn path_at(object: &[u8], place: usize) -> Option<Vec<String>> {
    if !is_between_marks(object, place) {
        return None;
    }
    let mut around = Vec::new();
    let mut last_string = (0, 0);
    let mut at = 0;
    while at < place {
        match object.get(at)? {
            b'"' => {
                let end = string_end(object, at)?;
                if end > place {
                    return None;
                }
                last_string = (at, end);
                at = end;
                continue;
            }
            b':' => {
                let key: String =
                    serde_json::from_slice(object.get(last_string.0..last_string.1)?).ok()?;
                if let Some(Some(latest)) = around.last_mut() {
                    *latest = key;
                }
            }
            b'{' => around.push(Some(String::new())),
            b'[' => around.push(None),
            b'}' | b']' => {
                around.pop();
            }
            _ => {}
        }
        at += 1;
    }
    // The innermost object's own key says nothing about where it stands.
    around.pop()??;
    around.into_iter().collect()
}

/// Whether no number and no word touches the place, and no string that is a value begins there.
fn is_between_marks(object: &[u8], place: usize) -> bool {
    let blank = |byte: &u8| b" \t\r\n".contains(byte);
    let Some((before, after)) = object.split_at_checked(place) else {
        return false;
    };
    let a_key_may_begin = matches!(before.iter().rfind(|byte| !blank(byte)), Some(b'{' | b','));
    let ends_in_a_mark =
        before.last().is_some_and(|byte| b"{}[],:\"".contains(byte) || blank(byte));
    let begins_with_a_mark = after.first().is_some_and(|byte| match byte {
        b'"' => a_key_may_begin,
        byte => b"{}[],:".contains(byte) || blank(byte),
    });
    ends_in_a_mark && begins_with_a_mark
}

/// Behind the closing mark of the string that begins at `from`.
fn string_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Whether each object from the outermost along `path` has every property that it may have.
fn is_full(path: &[String], value: &Value, schema: &Value) -> bool {
    let (mut value, mut schema) = (value, schema);
    let mut keys = path.iter();
    loop {
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false))
            && schema.get("patternProperties").is_none();
        let (Some(properties), Some(there)) =
            (schema.get("properties").and_then(Value::as_object), value.as_object())
        else {
            return false;
        };
        let listed = |key: &String| there.contains_key(key) && !key.contains('"');
        if !closed || !properties.keys().all(listed) {
            return false;
        }
        let Some(key) = keys.next() else {
            return true;
        };
        let (Some(inner), Some(inner_schema)) = (there.get(key), properties.get(key)) else {
            return false;
        };
        (value, schema) = (inner, inner_schema);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        let inner = json!({"type": "object", "properties": {"x": {}, "y": {}},
            "additionalProperties": false});
        json!({"type": "object", "additionalProperties": false,
            "properties": {"a": {"type": "string"}, "n": {"type": "integer"}, "list": {}, "o": inner}})
    }

    /// `|` marks the hole.
    fn is_whole(marked: &str) -> bool {
        let hole = marked.find('|').unwrap();
        are_empty(&marked.replacen('|', "", 1), &[hole], &schema())
    }

    #[test]
    fn where_nothing_fits_in_the_answer_is_whole() {
        for marked in [
            r#"|{"a":"b","n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1,"list":[1],"o":{"x":1,"y":2}}|"#,
            r#"Here: |{"a":"b","n":1,"list":[1],"o":{"x":1,"y":2}} Done."#,
            r#"{|"a":"b","n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b"|,"n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1,"list":[1]|,"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1,"list":[1],"o":{|"x":1,"y":2}}"#,
            r#"{"a":"}[\"","n":1,"list":[1],|"o":{"x":1,"y":2}}"#,
        ] {
            assert!(is_whole(marked), "{marked}");
        }
    }

    #[test]
    fn where_something_may_be_missing_it_is_not() {
        for marked in [
            // Inside a string, before one that may have begun earlier, beside a number, inside a list.
            r#"{"a":"b|","n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":|"b","n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a": |"b","n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b\|"","n":1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1|,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":|1,"list":[1],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1,"list":[|"1"],"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1,"list":[{|"k":"v"}],"o":{"x":1,"y":2}}"#,
            // A property that may be there is not: it may be what is missing.
            r#"{"a":"b",|"n":1,"o":{"x":1,"y":2}}"#,
            r#"{"a":"b","n":1,"list":[1],"o":{|"x":1}}"#,
            r#"{"a":"b","n":1,"o":{|"x":1,"y":2}}"#,
            // An object that allows anything.
            r#"{"a":{|"k":"v"},"n":1,"list":[],"o":{"x":1,"y":2}}"#,
            // What is left is no object.
            r#"{"a":"b"}|{"a":"c"}"#,
        ] {
            assert!(!is_whole(marked), "{marked}");
        }
    }

    /// The claim itself: whatever is taken out of a whole answer, if the rest still fits the
    /// schema and is called whole, it says the same.
    #[test]
    fn no_piece_that_said_something_is_ever_called_empty() {
        let whole = r#"{"a":"it, \"so\": {1}","n":120,"list":[1,{"k":[2,3]},"x"],"o":{"x":{"q":1},"y":[{}]}}"#;
        let said: Value = serde_json::from_str(whole).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let mut called_whole = 0;
        for from in 0..whole.len() {
            for to in from + 1..=whole.len() {
                let left = format!("{}{}", &whole[..from], &whole[to..]);
                let Ok(value) = serde_json::from_str::<Value>(&left) else { continue };
                if validator.is_valid(&value) && are_empty(&left, &[from], &schema()) {
                    assert_eq!(value, said, "{left} after {from}..{to} was lost");
                    called_whole += 1;
                }
            }
        }
        assert_eq!(called_whole, 0, "no blank stands in it, so every piece said something");
    }
}
