//! An idea: what a person wants built, read from whatever they wrote.
//!
//! People write ideas in many ways, and an idea that is refused for its form is an idea lost. So the
//! reading is tolerant: known headings in any usual spelling, front matter, `Label: value` lines,
//! or plain text whose first line is the title. Nothing of the text is lost: what belongs to no
//! known heading stays in the description, and the text itself is kept as given. The text is
//! untrusted; every list and line taken from it is bounded.

pub(crate) mod answers;
mod lines;
mod paths;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::answers::{cut, one_line};
use lines::{Label, Part};

/// The largest text that is read as an idea, in bytes.
pub const MAX_IDEA_BYTES: usize = 256 * 1024;
const TITLE_CHARS: usize = 200;
const CRITERION_CHARS: usize = 500;
const WORD_CHARS: usize = 60;
const MAX_CRITERIA: usize = 100;
const MAX_FILES: usize = 200;

/// What a person wants built.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Idea {
    /// The file's stem, `issue-12`, or a slug and hash.
    pub id: String,
    /// One line; never empty.
    pub title: String,
    /// Everything that is neither title nor one of the lists below; may be empty.
    pub description: String,
    /// When it counts as done.
    pub criteria: Vec<String>,
    /// The files it names, as paths relative to the repository's top; they need not exist.
    pub files: Vec<String>,
    /// How urgent it is, in the person's own word.
    pub priority: Option<String>,
    /// How hard it is, in the person's own word.
    pub complexity: Option<String>,
    /// The text as given.
    pub text: String,
    /// What people answered to questions about it; every role is shown them. No part of the
    /// digest: an answer does not make another idea of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
}

/// What a person with write access answered to a question about an idea.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The question as it was put.
    pub question: String,
    /// The answer as it was written.
    pub answer: String,
}

/// Why a text is no idea.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdeaError {
    /// There is no letter and no digit in it.
    #[error("the idea is empty: write at least a title")]
    Empty,
    /// It is larger than [`MAX_IDEA_BYTES`].
    #[error("the idea has {bytes} bytes; at most {MAX_IDEA_BYTES} are read")]
    TooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
}

impl Idea {
    /// Reads an idea from Markdown or plain text.
    ///
    /// # Errors
    /// [`IdeaError::Empty`] when nothing is written, [`IdeaError::TooLarge`] above 256 KiB.
    pub fn parse(id: &str, text: &str) -> Result<Self, IdeaError> {
        if text.len() > MAX_IDEA_BYTES {
            return Err(IdeaError::TooLarge { bytes: text.len() });
        }
        let plain = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        let (front, body) = split_front_matter(&plain);
        let mut draft = Draft::default();
        draft.take_front_matter(front);
        draft.take_parts(&lines::parts(body));
        draft.finish(id, text, body)
    }

    /// The SHA-256 of the text as given, in lower-case hexadecimal: whether an idea has changed.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// The front matter's keys and the text after it. What is no YAML mapping is text.
fn split_front_matter(text: &str) -> (BTreeMap<String, Value>, &str) {
    let none = (BTreeMap::new(), text);
    let Some(rest) = text.trim_start().strip_prefix("---\n") else {
        return none;
    };
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            let (yaml, body) = (&rest[..at], &rest[at + line.len()..]);
            return serde_yaml::from_str(yaml).map_or(none, |front| (front, body));
        }
        at += line.len();
    }
    none
}

#[derive(Default)]
struct Draft {
    title: Option<String>,
    heading: Option<String>,
    description: String,
    criteria: Vec<String>,
    files: Vec<String>,
    priority: Option<String>,
    complexity: Option<String>,
}

impl Draft {
    fn take_front_matter(&mut self, front: BTreeMap<String, Value>) {
        for (key, value) in front {
            let Some(label) = Label::of(&key) else {
                continue;
            };
            let text = scalar(&value);
            match label {
                Label::Title => self.title = text.or(self.title.take()),
                Label::Priority => self.priority = text,
                Label::Complexity => self.complexity = text,
                Label::Description => self.describe(&text.unwrap_or_default()),
                Label::Criteria => self.criteria.extend(list(&value)),
                Label::Files => {
                    self.files.extend(list(&value).iter().flat_map(|line| paths::listed(line)));
                }
            }
        }
    }

    fn take_parts(&mut self, parts: &[Part]) {
        for part in parts {
            let body = part.body.trim_matches('\n').trim_end();
            match part.label {
                Some(Label::Title) => {
                    let (first, rest) =
                        body.trim_start().split_once('\n').unwrap_or((body.trim(), ""));
                    self.title.get_or_insert_with(|| first.to_owned());
                    self.describe(rest);
                }
                Some(Label::Criteria) => self.criteria.extend(lines::items(body)),
                Some(Label::Files) => {
                    let found: Vec<String> = body.lines().flat_map(paths::listed).collect();
                    self.files.extend(found);
                }
                Some(Label::Priority) => self.priority = first_words(body).or(self.priority.take()),
                Some(Label::Complexity) => {
                    self.complexity = first_words(body).or(self.complexity.take());
                }
                Some(Label::Description) => self.describe(body),
                None => self.take_other(part, body),
            }
        }
    }

    /// The first free heading is the title; each later one stays in the description.
    fn take_other(&mut self, part: &Part, body: &str) {
        if part.heading.is_empty() {
            self.describe(body);
        } else if self.heading.is_none() && part.may_be_title {
            self.heading = Some(part.heading.clone());
            self.describe(body);
        } else {
            self.describe(&format!("## {}\n{body}", part.heading));
        }
    }

    fn describe(&mut self, text: &str) {
        let text = text.trim_matches('\n').trim_end();
        if text.trim().is_empty() {
            return;
        }
        if !self.description.is_empty() {
            self.description.push_str("\n\n");
        }
        self.description.push_str(text);
    }

    fn finish(mut self, id: &str, text: &str, body: &str) -> Result<Idea, IdeaError> {
        let named = self.title.take().or(self.heading.take()).map(|title| lines::bare(&title));
        let title = match named.filter(|title| has_letters(title)) {
            Some(title) => title,
            None => self.first_line_as_title(body).ok_or(IdeaError::Empty)?,
        };
        if self.files.is_empty() {
            self.files = paths::mentioned(body);
        }
        bound(&mut self.criteria, MAX_CRITERIA);
        bound(&mut self.files, MAX_FILES);
        for criterion in &mut self.criteria {
            *criterion = one_line(criterion, CRITERION_CHARS);
        }
        Ok(Idea {
            id: id.to_owned(),
            title: one_line(&title, TITLE_CHARS),
            description: self.description,
            criteria: self.criteria,
            files: self.files,
            priority: self.priority,
            complexity: self.complexity,
            text: text.to_owned(),
            answers: Vec::new(),
        })
    }

    /// Plain text: its first line is the title, and no longer part of the description.
    fn first_line_as_title(&mut self, body: &str) -> Option<String> {
        let position = self.description.lines().position(has_letters);
        let Some(position) = position else {
            let anything = self.criteria.first().or(self.files.first()).cloned();
            return anything
                .or_else(|| body.lines().map(lines::bare).find(|line| has_letters(line)));
        };
        let title = lines::bare(self.description.lines().nth(position)?);
        let rest: Vec<&str> = self.description.lines().skip(position + 1).collect();
        let rest = rest.join("\n");
        // A title cut short, or one that is all there is, stays readable in the description.
        if title.chars().count() <= TITLE_CHARS && !rest.trim().is_empty() {
            self.description = rest.trim_matches('\n').to_owned();
        }
        Some(title)
    }
}

fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn bound(list: &mut Vec<String>, limit: usize) {
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|entry| !entry.trim().is_empty() && seen.insert(entry.clone()));
    list.truncate(limit);
}

fn first_words(body: &str) -> Option<String> {
    let line = body.lines().map(lines::bare).find(|line| has_letters(line))?;
    Some(one_line(&line, WORD_CHARS))
}

fn scalar(value: &Value) -> Option<String> {
    let mut text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(list) => list.iter().filter_map(scalar).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Object(_) => return None,
    };
    cut(&mut text, MAX_IDEA_BYTES);
    has_letters(&text).then_some(text)
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(scalar).collect(),
        Value::String(text) => lines::items(text),
        other => scalar(other).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
