//! What a program that left tells the one that goes on.
//!
//! The next one begins at the same base, so that nothing half-written is built upon. But hours of
//! work need not be found out again: which files were changed, which of them pass the checks and what
//! is wrong with the others is derived here, from the files, and said as material. What the leaving
//! program says of itself is passed on only if it was healthy, and its transcript by its path.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use model_providers::{Message, Prompt, TooLarge};

use crate::fit::{Part, Priority, Sheet};
use crate::legible::legible;
use crate::place::Kept;

/// No more of those who left are told of.
const TOLD: usize = 2;
/// Of a note and of a fault, this much, in bytes.
const NOTE_BYTES: usize = 2_000;
const FAULT_BYTES: usize = 500;
/// Of the texts that pass, this much together, in bytes.
const TEXT_BYTES: usize = 24_000;
const FILES_TOLD: usize = 40;

/// One file that was changed.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    pub(super) path: String,
    /// Its text, or why it does not pass the checks.
    pub(super) state: Result<Option<String>, String>,
}

/// What one program left.
#[derive(Clone, Debug)]
pub(super) struct HandOver {
    /// Who, and how it failed.
    pub(super) who: String,
    pub(super) touched: Vec<Touched>,
    /// Files of the item that are as they were.
    pub(super) untouched: Vec<String>,
    /// Its last words, if it was healthy.
    pub(super) note: Option<String>,
    pub(super) kept: Option<Kept>,
}

/// What was left so far, for as long as the item is being done.
#[derive(Debug, Default)]
pub(super) struct HandOvers(Mutex<Vec<HandOver>>);

/// To whom it is told: a model reads texts, a program finds them by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Model,
    Program,
}

impl HandOvers {
    pub(super) fn push(&self, left: HandOver) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(left);
    }

    /// The sheet with what was left as a part, if anything was.
    pub(super) fn onto(&self, sheet: &Sheet, reader: Reader) -> Sheet {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = all.iter().skip(all.len().saturating_sub(TOLD));
        let told: Vec<String> = last.map(|left| told(left, reader)).collect();
        let mut sheet = sheet.clone();
        if !told.is_empty() {
            let text = legible(&told.join("\n\n"));
            let sizes = [12_000, 4_000, 1_500];
            sheet.parts.push(Part::material("hand-over", Priority::Near, &text, &sizes));
        }
        sheet
    }
}

/// A prompt that ends with what was left, as it stands when it is asked for.
pub(super) struct WithHandOver {
    pub(super) sheet: Sheet,
    pub(super) left: std::sync::Arc<HandOvers>,
}

impl Prompt for WithHandOver {
    fn messages(&self, max_input_tokens: Option<u64>) -> Result<Vec<Message>, TooLarge> {
        self.left.onto(&self.sheet, Reader::Model).messages(max_input_tokens)
    }
}

fn told(left: &HandOver, reader: Reader) -> String {
    let mut text = format!(
        "Before you, somebody else worked on these files and left: {}. You begin from the same base: nothing of that \
         work stands in the files.\n",
        cut(&left.who, FAULT_BYTES)
    );
    if left.touched.is_empty() {
        text.push_str("It had changed nothing.\n");
    } else {
        text.push_str("It had changed:\n");
        for touched in left.touched.iter().take(FILES_TOLD) {
            let state = match &touched.state {
                Ok(_) => "passes the checks".to_owned(),
                Err(why) => format!("does not pass the checks: {}", cut(why, FAULT_BYTES)),
            };
            _ = writeln!(text, "- {}: {state}", touched.path);
        }
    }
    if !left.untouched.is_empty() {
        let untouched: Vec<&str> =
            left.untouched.iter().take(FILES_TOLD).map(String::as_str).collect();
        _ = writeln!(text, "Left to do, as it was: {}", untouched.join(", "));
    }
    if let Some(note) = &left.note {
        _ = writeln!(text, "Its last words: {}", cut(note, NOTE_BYTES));
    }
    match reader {
        Reader::Program => places(&mut text, left.kept.as_ref()),
        Reader::Model => texts(&mut text, left),
    }
    text
}

fn places(text: &mut String, kept: Option<&Kept>) {
    let Some(kept) = kept else { return };
    _ = writeln!(text, "`git show {}` shows what it had changed.", kept.commit);
    if let Some(transcript) = &kept.transcript {
        _ = writeln!(text, "What it printed is in {transcript}.");
    }
}

fn texts(text: &mut String, left: &HandOver) {
    let passing = left.touched.iter().filter_map(|touched| {
        let Ok(Some(text)) = &touched.state else { return None };
        Some((&touched.path, text))
    });
    let mut room = TEXT_BYTES;
    for (path, content) in passing {
        if content.len() > room {
            continue;
        }
        room -= content.len();
        _ = write!(text, "\n{path} as it had it:\n{content}\n");
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().trim()
}
