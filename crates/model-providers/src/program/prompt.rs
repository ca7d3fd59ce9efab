//! A question as a program takes it: one text, in an argument, on standard input or in a file.
//!
//! The system lets no argument be longer than 128 KiB; a start that fails for that would look like
//! a program that is not there.

use std::path::Path;

use super::{Input, Program};
use crate::failure::Failure;
use crate::{Class, Message, MessageRole};

pub(super) const PROMPT: &str = "{prompt}";
pub(super) const FILE: &str = "{file}";
const MODEL: &str = "{model}";
/// Below the system's limit for one argument, with room for what stands around the question.
const LONGEST_ARGUMENT: usize = 120 * 1024;

/// The command line and what goes to standard input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) program: String,
    pub(super) args: Vec<String>,
    pub(super) stdin: String,
}

/// The messages as one text. A program has no roles, so an answer that was rejected is named as
/// what it is.
pub(crate) fn text(messages: &[Message]) -> String {
    let parts: Vec<String> = messages
        .iter()
        .map(|message| match message.role {
            MessageRole::Assistant => format!("Your earlier answer was:\n{}", message.content),
            _ => message.content.clone(),
        })
        .collect();
    parts.join("\n\n")
}

/// Fills in model and question. Text that comes from outside is filled in once, so a `{file}`
/// within a question stays as it is.
pub(super) fn fill(
    program: &Program,
    model: &str,
    prompt: &str,
    file: &Path,
) -> Result<Filled, Failure> {
    // It would end an argument; nothing that is asked needs one.
    let prompt = &prompt.replace('\0', "");
    let is_long = prompt.len() > LONGEST_ARGUMENT;
    if program.input == Input::Argument && is_long && !program.long_input_to_stdin {
        let message = format!("a question of {} bytes is too long for an argument", prompt.len());
        return Err(Failure::new(Class::ContextOverflow, message));
    }
    let to_stdin = program.input == Input::Stdin || (program.input == Input::Argument && is_long);
    // A question that begins with a dash would be read as an option.
    let prompt = if prompt.starts_with('-') { format!("\n{prompt}") } else { prompt.to_owned() };
    let file = file.display().to_string();
    let places = [(PROMPT, prompt.as_str()), (FILE, file.as_str()), (MODEL, model)];
    let kept = program.command.iter().filter(|part| !(to_stdin && part.contains(PROMPT)));
    let mut parts = kept.map(|part| filled(part, &places));
    Ok(Filled {
        program: parts.next().unwrap_or_default(),
        args: parts.collect(),
        stdin: if to_stdin { prompt.clone() } else { String::new() },
    })
}

fn filled(part: &str, places: &[(&str, &str)]) -> String {
    let mut whole = String::new();
    let mut rest = part;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        whole.push_str(before);
        let place = places.iter().find(|(name, _)| from.starts_with(name));
        let (text, length) = place.map_or(("{", 1), |(name, text)| (*text, name.len()));
        whole.push_str(text);
        rest = from.get(length..).unwrap_or_default();
    }
    whole.push_str(rest);
    whole
}
