//! Which bytes of a file are code, comment or string. `todo!()` in a string is
//! data and "TODO" in a string is a word; without this every check about code
//! would cry wolf on its own tests.
//!
//! This is no parser: it knows comments and strings and nothing else, goes
//! through the bytes once, and a construct that it misreads costs at most
//! findings, never a panic.

use crate::language::Language;

/// What a byte belongs to. Delimiters belong to what they delimit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Code,
    Comment,
    Text,
}

/// One class for each byte of the text.
pub(crate) fn classify(text: &str, language: Language) -> Vec<Class> {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        classes: Vec::with_capacity(text.len()),
        language,
        interpolations: Vec::new(),
        last_code: 0,
    };
    if !language.is_prose() {
        while scanner.step() {}
    }
    scanner.classes.resize(text.len(), Class::Code);
    scanner.classes
}

/// Looking further for the end of each would take quadratic time.
const LONGEST_REGEX: usize = 1000;

/// What begins and ends a comment.
struct Marks {
    line: Option<&'static [u8]>,
    blocks: &'static [(&'static [u8], &'static [u8])],
}

impl Marks {
    const fn of(language: Language) -> Self {
        use Language as L;
        match language {
            L::Rust | L::Script | L::Go | L::Braces => {
                Self { line: Some(b"//"), blocks: &[(b"/*", b"*/")] }
            }
            L::Component => {
                Self { line: Some(b"//"), blocks: &[(b"/*", b"*/"), (b"<!--", b"-->")] }
            }
            L::Css => Self { line: None, blocks: &[(b"/*", b"*/")] },
            L::Dashes => Self { line: Some(b"--"), blocks: &[(b"/*", b"*/")] },
            L::Python | L::Hash => Self { line: Some(b"#"), blocks: &[] },
            L::Markup => Self { line: None, blocks: &[(b"<!--", b"-->")] },
            L::Markdown | L::Prose => Self { line: None, blocks: &[] },
        }
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    /// As long as what has been read; its length is the position.
    classes: Vec<Class>,
    language: Language,
    /// Open braces within each `${` of a template string that is not closed yet.
    interpolations: Vec<u32>,
    /// The last byte of code that is no space: tells a regex from a division.
    last_code: u8,
}

impl Scanner<'_> {
    /// Reads one token; false at the end.
    fn step(&mut self) -> bool {
        let Some(byte) = self.at(0) else {
            return false;
        };
        if self.comment() || self.string(byte) {
            return true;
        }
        if matches!(self.language, Language::Script | Language::Component)
            && (self.regex(byte) || self.end_of_interpolation(byte))
        {
            return true;
        }
        if !byte.is_ascii_whitespace() {
            self.last_code = byte;
        }
        self.take(1, Class::Code);
        true
    }

    fn at(&self, offset: usize) -> Option<u8> {
        self.bytes.get(self.classes.len() + offset).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.classes.len()..).unwrap_or_default()
    }

    fn take(&mut self, count: usize, class: Class) {
        let end = (self.classes.len() + count).min(self.bytes.len());
        self.classes.resize(end, class);
    }

    fn comment(&mut self) -> bool {
        let marks = Marks::of(self.language);
        if let Some((open, close)) = marks.blocks.iter().find(|b| self.rest().starts_with(b.0)) {
            if self.language == Language::Rust {
                self.nested_comment();
            } else {
                self.until(open.len(), close, Class::Comment);
            }
            return true;
        }
        let Some(line) = marks.line else {
            return false;
        };
        if !self.rest().starts_with(line) || !self.may_begin_comment() {
            return false;
        }
        let length = self.rest().iter().take_while(|b| **b != b'\n').count();
        self.take(length, Class::Comment);
        true
    }

    /// In shell and YAML a `#` within a word is none.
    fn may_begin_comment(&self) -> bool {
        if self.language != Language::Hash {
            return true;
        }
        match self.classes.len().checked_sub(1) {
            None => true,
            Some(before) => self
                .bytes
                .get(before)
                .is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b';'),
        }
    }

    fn nested_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            if self.rest().starts_with(b"/*") {
                depth += 1;
                self.take(2, Class::Comment);
            } else if self.rest().starts_with(b"*/") {
                depth = depth.saturating_sub(1);
                self.take(2, Class::Comment);
                if depth == 0 {
                    return;
                }
            } else if self.rest().is_empty() {
                return;
            } else {
                self.take(1, Class::Comment);
            }
        }
    }

    /// Takes `skip` bytes and everything up to and with `close`, or to the end.
    fn until(&mut self, skip: usize, close: &[u8], class: Class) {
        self.take(skip, class);
        while !self.rest().is_empty() {
            if self.rest().starts_with(close) {
                self.take(close.len(), class);
                return;
            }
            self.take(1, class);
        }
    }

    fn string(&mut self, byte: u8) -> bool {
        use Language as L;
        match (self.language, byte) {
            (L::Rust, b'r') if self.raw_string() => true,
            (L::Rust, b'"') => self.quoted(b'"', true),
            (L::Rust, b'\'') => self.rust_character(),
            (L::Python, b'"' | b'\'') => self.python_string(byte),
            (L::Go, b'`') => {
                self.until(1, b"`", Class::Text);
                true
            }
            (L::Script | L::Component, b'`') => {
                self.take(1, Class::Text);
                self.template_string();
                true
            }
            (L::Markup, _) => false,
            // An apostrophe in running text of these is no string.
            (L::Component | L::Hash, b'\'') if self.after_letter() => false,
            (_, b'"' | b'\'') => self.quoted(byte, false),
            _ => false,
        }
    }

    fn after_letter(&self) -> bool {
        self.classes
            .len()
            .checked_sub(1)
            .and_then(|before| self.bytes.get(before))
            .is_some_and(u8::is_ascii_alphanumeric)
    }

    /// A string with backslash escapes; unless `lines`, it ends with its line.
    fn quoted(&mut self, quote: u8, lines: bool) -> bool {
        self.take(1, Class::Text);
        self.last_code = quote;
        while let Some(byte) = self.at(0) {
            if byte == b'\n' && !lines {
                return true;
            }
            if byte == b'\\' {
                self.take(2, Class::Text);
                continue;
            }
            self.take(1, Class::Text);
            if byte == quote {
                return true;
            }
        }
        true
    }

    fn python_string(&mut self, quote: u8) -> bool {
        let triple = [quote; 3];
        if !self.rest().starts_with(&triple) {
            return self.quoted(quote, false);
        }
        self.take(3, Class::Text);
        while let Some(byte) = self.at(0) {
            if byte == b'\\' {
                self.take(2, Class::Text);
            } else if self.rest().starts_with(&triple) {
                self.take(3, Class::Text);
                return true;
            } else {
                self.take(1, Class::Text);
            }
        }
        true
    }

    /// `r"…"`, `r#"…"#`; the letter must not end a longer word.
    fn raw_string(&mut self) -> bool {
        let before = self.classes.len().checked_sub(1);
        let in_word = before
            .and_then(|at| self.bytes.get(at))
            .is_some_and(|b| (b.is_ascii_alphanumeric() && *b != b'b' && *b != b'c') || *b == b'_');
        let hashes = self.rest().iter().skip(1).take_while(|byte| **byte == b'#').count();
        if in_word || self.at(1 + hashes) != Some(b'"') {
            return false;
        }
        let mut close = vec![b'"'];
        close.resize(1 + hashes, b'#');
        self.until(2 + hashes, &close, Class::Text);
        true
    }

    /// `'a'`, `'\n'`, `'é'` are characters; `'a` alone is a lifetime.
    fn rust_character(&mut self) -> bool {
        if self.at(1) == Some(b'\\') {
            return self.quoted(b'\'', false);
        }
        let width = match self.at(1) {
            Some(0xf0..) => 4,
            Some(0xe0..) => 3,
            Some(0xc0..) => 2,
            _ => 1,
        };
        if self.at(1 + width) != Some(b'\'') {
            return false;
        }
        self.take(width + 2, Class::Text);
        true
    }

    /// The text of a template string up to its end or to the next `${`.
    fn template_string(&mut self) {
        while let Some(byte) = self.at(0) {
            if byte == b'\\' {
                self.take(2, Class::Text);
            } else if self.rest().starts_with(b"${") {
                self.take(2, Class::Text);
                self.interpolations.push(0);
                return;
            } else {
                self.take(1, Class::Text);
                if byte == b'`' {
                    return;
                }
            }
        }
    }

    /// Counts the braces of code within `${…}`; the last one returns to the string.
    fn end_of_interpolation(&mut self, byte: u8) -> bool {
        match (byte, self.interpolations.last_mut()) {
            (b'}', Some(0)) => {
                self.interpolations.pop();
                self.take(1, Class::Text);
                self.template_string();
                return true;
            }
            (b'{', Some(open)) => *open = open.saturating_add(1),
            (b'}', Some(open)) => *open -= 1,
            _ => {}
        }
        false
    }

    /// A `/` where an expression begins opens a regular expression.
    fn regex(&mut self, byte: u8) -> bool {
        if byte != b'/'
            || !matches!(
                self.last_code,
                0 | b'(' | b',' | b'=' | b':' | b'[' | b'!' | b'&' | b'|' | b'?' | b'{' | b';'
            )
        {
            return false;
        }
        let mut in_set = false;
        let mut length = 1;
        while let Some(next) = self.at(length) {
            match next {
                _ if length > LONGEST_REGEX => return false,
                b'\n' => return false,
                b'\\' => length += 1,
                b'[' => in_set = true,
                b']' => in_set = false,
                b'/' if !in_set => {
                    self.take(length + 1, Class::Text);
                    self.last_code = b'/';
                    return true;
                }
                _ => {}
            }
            length += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with comments as `#` and strings as `"`.
    fn shown(text: &str, language: Language) -> String {
        let classes = classify(text, language);
        assert_eq!(classes.len(), text.len());
        text.bytes()
            .zip(classes)
            .map(|(byte, class)| match class {
                _ if byte == b'\n' => '\n',
                Class::Code => char::from(byte),
                Class::Comment => '#',
                Class::Text => '"',
            })
            .collect()
    }

    #[test]
    fn tells_comments_and_strings_from_code() {
        use Language as L;
        let cases = [
            (L::Rust, "a // b", "a ####"),
            (L::Rust, "a /* /* b */ c */ d", "a ############### d"),
            (L::Rust, r#"f("a//b", 'c', 'd)"#, r#"f("""""", """, 'd)"#),
            (L::Rust, r#"'"' + '\'' + b"#, r#"""" + """" + b"#),
            (L::Rust, r##"r#"a"b"# c"##, r#""""""""" c"#),
            (L::Rust, r#"for"a" c"#, r#"for""" c"#),
            (L::Rust, r#""a\"b" c"#, r#""""""" c"#),
            (L::Rust, "&'a str 'é'", r#"&'a str """""#),
            (L::Python, "x = 'a#b' # c", r#"x = """"" ###"#),
            (L::Python, "'''a\n#b''' c", "\"\"\"\"\n\"\"\"\"\" c"),
            (L::Script, "`a${b + `c`}d` e", r#"""""b + """""" e"#),
            (L::Script, "`${ {a: 1} }` // b", r#"""" {a: 1} "" ####"#),
            (L::Script, "a = /\"[/]/ + b / c", r#"a = """""" + b / c"#),
            (L::Script, "'a\nb' c", "\"\"\nb\"\"\""),
            (L::Go, "`a\n//b` // c", "\"\"\n\"\"\"\"  ####"),
            (L::Hash, "a#b # c", "a#b ###"),
            (L::Hash, "it's # c", "it's ###"),
            (L::Markup, "<a> <!-- b --> it's", "<a> ########## it's"),
            (L::Markdown, "# a 'b'", "# a 'b'"),
        ];
        for (language, text, wanted) in cases {
            let wanted = wanted.replace("\"  #", "\" #");
            assert_eq!(shown(text, language), wanted, "{language:?}: {text}");
        }
    }

    #[test]
    fn an_open_end_is_no_harm() {
        for text in ["\"a", "/* a", "'", "r#\"a", "`${", "/", "\\", "'''", "<!--"] {
            for language in [Language::Rust, Language::Python, Language::Script, Language::Go] {
                assert_eq!(classify(text, language).len(), text.len());
            }
        }
    }
}
