//! A query taken apart: as much of the language as a client needs that asks for something.

use std::collections::BTreeMap;

use serde_json::Value;

/// What is asked for at one place.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Field {
        name: String,
        arguments: BTreeMap<String, Value>,
        wishes: Vec<Wish>,
    },
    /// `... on Type { }`
    On {
        kind: String,
        wishes: Vec<Wish>,
    },
}

/// Reads `query(...) { ... }` with its variables put in.
pub(super) fn read(text: &str, variables: &Value) -> Result<Vec<Wish>, String> {
    let mut reader = Reader { words: words(text)?, at: 0, variables };
    reader.expect("query")?;
    if reader.next_is("(") {
        reader.declarations()?;
    }
    let wishes = reader.wishes()?;
    if reader.at == reader.words.len() { Ok(wishes) } else { Err("text behind its end".to_owned()) }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = match first {
            ',' => 0,
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '!' | '$' => 1,
            '.' if rest.starts_with("...") => 3,
            '"' => rest.get(1..).and_then(|text| text.find('"')).map_or(0, |end| end + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            other => return Err(format!("the query holds {other:?}")),
        };
        if length > 0 {
            words.push(rest[..length].to_owned());
        }
        rest = rest[length.max(1)..].trim_start();
    }
    Ok(words)
}

struct Reader<'a> {
    words: Vec<String>,
    at: usize,
    variables: &'a Value,
}

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self) -> String {
        self.at += 1;
        self.words.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is_it = self.peek() == word;
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.next_is(word) {
            return Ok(());
        }
        Err(format!("{word} is wanted where {:?} stands", self.peek()))
    }

    /// Each variable that is declared must come with a value, and no other.
    fn declarations(&mut self) -> Result<(), String> {
        let mut declared = Vec::new();
        while !self.next_is(")") {
            self.expect("$")?;
            let name = self.take();
            self.expect(":")?;
            while !matches!(self.peek(), "$" | ")" | "") {
                self.at += 1;
            }
            if self.variables.get(&name).is_none() {
                return Err(format!("no value for ${name}"));
            }
            declared.push(name);
        }
        let mut given = self.variables.as_object().into_iter().flatten();
        match given.find(|(name, _)| !declared.contains(name)) {
            Some((name, _)) => Err(format!("${name} is not declared")),
            None => Ok(()),
        }
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, String> {
        self.expect("{")?;
        let mut wishes = Vec::new();
        while !self.next_is("}") {
            wishes.push(self.wish()?);
        }
        Ok(wishes)
    }

    fn wish(&mut self) -> Result<Wish, String> {
        if self.next_is("...") {
            self.expect("on")?;
            return Ok(Wish::On { kind: self.take(), wishes: self.wishes()? });
        }
        let name = self.take();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(format!("{name:?} is no field"));
        }
        let mut arguments = BTreeMap::new();
        if self.next_is("(") {
            while !self.next_is(")") {
                let name = self.take();
                self.expect(":")?;
                arguments.insert(name, self.value()?);
            }
        }
        let wishes = if self.peek() == "{" { self.wishes()? } else { Vec::new() };
        Ok(Wish::Field { name, arguments, wishes })
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.next_is("$") {
            let name = self.take();
            return self.variables.get(&name).cloned().ok_or(format!("no value for ${name}"));
        }
        if self.next_is("[") {
            let mut list = Vec::new();
            while !self.next_is("]") {
                list.push(self.value()?);
            }
            return Ok(list.into());
        }
        let word = self.take();
        match word.parse::<u64>() {
            Ok(number) => Ok(number.into()),
            Err(_) if word.is_empty() => Err("a value is missing".to_owned()),
            Err(_) => Ok(word.trim_matches('"').into()),
        }
    }
}
