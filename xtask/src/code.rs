//! Rust source with everything blanked out that is not code, so that a rule about code does not
//! trip over a string or a comment that speaks of the same thing.

/// `source` with comments, strings and characters replaced by spaces. Lines stay where they are.
pub(crate) fn strip(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut kept = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skip(bytes, at);
        if end == at {
            at += 1;
            continue;
        }
        let end = end.min(bytes.len());
        for byte in kept.iter_mut().take(end).skip(at) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Where the comment or literal that starts at `at` ends; `at` itself if none starts there.
fn skip(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let after_word = at > 0 && bytes.get(at - 1).is_some_and(|byte| is_word(*byte));
    match rest {
        [b'/', b'/', ..] => at + find(rest, b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + 1 + until_quote(rest.get(1..).unwrap_or_default(), b'"'),
        [b'\'', ..] => at + character(rest),
        [b'r', ..] if !after_word => at + raw_string(rest, 1),
        [b'b' | b'c', b'r', ..] if !after_word => at + raw_string(rest, 2),
        _ => at,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest.get(at..) {
            Some([b'/', b'*', ..]) => (depth, at) = (depth + 1, at + 2),
            Some([b'*', b'/', ..]) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn until_quote(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character literal's length; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    if let [_, b'\\', ..] = rest {
        return 1 + until_quote(rest.get(1..).unwrap_or_default(), b'\'');
    }
    // One character of UTF-8 is at most four bytes; a lifetime has no quote after its first.
    let width = match rest.get(1) {
        Some(0..=0x7F) => 1,
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        _ => 4,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

/// A raw string's length whose prefix has `prefix` letters; 0 for a name such as `r#type`.
fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let after = rest.get(prefix..).unwrap_or_default();
    let hashes = after.iter().take_while(|byte| **byte == b'#').count();
    if after.get(hashes) != Some(&b'"') {
        return 0;
    }
    let body = after.get(hashes + 1..).unwrap_or_default();
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let length = find(body, &end).map_or(body.len(), |found| found + end.len());
    prefix + hashes + 1 + length
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `word` stands in stripped code as a whole word, as byte offsets.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + word.len());
        !before.is_some_and(|byte| is_word(*byte)) && !after.is_some_and(|byte| is_word(*byte))
    })
}

/// An attribute in stripped code, from `#` to its bracket.
pub(crate) struct Attribute<'a> {
    pub(crate) at: usize,
    pub(crate) text: &'a str,
}

pub(crate) fn attributes(code: &str) -> Vec<Attribute<'_>> {
    let starts = code.match_indices('#').filter_map(|(at, _)| {
        let rest = code.get(at..)?;
        let opened = rest.starts_with("#[") || rest.starts_with("#![");
        let length = opened.then(|| matching(rest, '[', ']'))??;
        let text = rest.get(..length)?;
        Some(Attribute { at, text })
    });
    starts.collect()
}

/// The byte ranges of stripped code that are compiled for tests only.
pub(crate) fn test_ranges(code: &str) -> Vec<std::ops::Range<usize>> {
    let for_tests = attributes(code).into_iter().filter(|attribute| {
        let text = attribute.text;
        let conditional = text.starts_with("#[cfg(") || text.starts_with("#![cfg(");
        conditional && words(text, "test").next().is_some() && !text.contains("not(test")
    });
    let ranges = for_tests.filter_map(|attribute| {
        let after = attribute.at + attribute.text.len();
        let rest = code.get(after..)?;
        let end = rest.find(['{', ';'])?;
        let length = if rest.get(end..)?.starts_with('{') {
            end + matching(rest.get(end..)?, '{', '}')?
        } else {
            end
        };
        Some(attribute.at..after + length)
    });
    ranges.collect()
}

/// The length up to and with the bracket that closes the first one opened.
fn matching(code: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

/// The line of a byte offset, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let stripped = strip(source);
        assert_eq!(stripped.len(), source.len());
        let words: Vec<&str> = stripped.split_whitespace().collect();
        assert_eq!(words.join(" "), expected, "{source}");
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"a "b \" c" d"#, "a d");
        check(r##"a r#"b " c"# d"##, "a d");
        check(r#"a b"b" br"c" d"#, "a b d");
        check(r"a 'b' '\'' '\u{1F600}' 'é' c", "a c");
        check("a \"b", "a");
        check("a /* b", "a");
    }

    #[test]
    fn code_stays() {
        check("fn f<'a>(x: &'a str, r#type: u8)", "fn f<'a>(x: &'a str, r#type: u8)");
        check("for r in 0..1 {}", "for r in 0..1 {}");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let stripped = strip("/* a\nb */ c\n\"d\ne\" f");
        let lines: Vec<&str> = stripped.lines().map(str::trim).collect();
        assert_eq!(lines, ["", "c", "", "f"]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }

    #[test]
    fn words_are_whole() {
        let found: Vec<usize> = words("sleep asleep sleep_until x.sleep", "sleep").collect();
        assert_eq!(found, [0, 27]);
    }

    #[test]
    fn what_is_compiled_for_tests_is_found() {
        let check = |code: &str, expected: &[&str]| {
            let ranges = test_ranges(code).into_iter();
            let found: Vec<&str> = ranges.map(|range| &code[range]).collect();
            assert_eq!(found, expected);
        };
        check("a #[cfg(test)] mod t { { b } } c", &["#[cfg(test)] mod t { { b } }"]);
        check("#[cfg(all(test, unix))] mod t; c", &["#[cfg(all(test, unix))] mod t"]);
        check("#[cfg(not(test))] mod t { b }", &[]);
        check("#[cfg(feature)] mod t { b }", &[]);
    }
}
