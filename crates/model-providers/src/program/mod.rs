//! Programs as models: coding agents, and any command of a person's own.
//!
//! Such a program hangs, retries for minutes, leaves its tools behind and says success after a
//! failure. Here one question costs one bounded start of it: in an empty folder of its own, with
//! the variables that were named for it and no others, and what it leaves is ended with it. What
//! it printed is then read as an answer or a classified failure, like a server's.
//!
//! Where whoever asks has a folder for it to work in, it is started there instead, and what it
//! changed is the answer: see [`crate::Workplace`].

mod lines;
mod preset;
mod prompt;
mod start;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use prompt::text;
pub(crate) use start::{Asked, Limited};

use crate::Class;
use lines::{Cap, Rule};

/// How a program is started and understood.
#[derive(Clone)]
pub struct Program {
    /// Its name among the known programs; none for a command of one's own.
    pub preset: Option<&'static str>,
    /// The program and its arguments; `{model}`, `{prompt}` and `{file}` are filled in.
    pub command: Vec<String>,
    /// How the question goes in.
    pub input: Input,
    /// A question that no argument can hold goes to standard input instead, and its argument is
    /// left out.
    pub long_input_to_stdin: bool,
    /// How the answer comes out.
    pub output: Output,
    /// Its whole environment, but for its key and an isolated home.
    pub env: BTreeMap<String, String>,
    /// The variable in which it gets the endpoint's key.
    pub key_variable: Option<String>,
    /// Its home is an empty folder too: it sees no login and no settings of the person.
    pub isolate_home: bool,
    /// The account that it is logged in to, as far as that can be seen: what it uses is counted
    /// there if it gets no key.
    pub login: Option<String>,
    /// It is silent while its model works, at most this long.
    pub silence: Option<Duration>,
    /// What its own exit states mean.
    pub exits: BTreeMap<i32, Class>,
    /// What a text on its standard error means, if it failed; in whichever case it is written.
    pub errors: BTreeMap<String, Class>,
    /// The most steps of one start, if not what is known of its lines says how many.
    pub max_steps: Option<u32>,
    /// Where its folders are made.
    pub folders: PathBuf,
    /// How it is started to work in a folder, where it can.
    pub workspace: Option<Works>,
}

/// How a program is started to change files in its working folder instead of answering: with
/// leave to write there, and no more leave than that.
#[derive(Clone, PartialEq, Eq)]
pub struct Works {
    /// As [`Program::command`]; input, lines and exit states are those of the program.
    pub command: Vec<String>,
    /// Set over [`Program::env`]: a name that stands in both has this value.
    pub env: BTreeMap<String, String>,
}

/// How a question goes into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// As the argument that holds `{prompt}`.
    Argument,
    /// On standard input.
    Stdin,
    /// As a file, of which `{file}` is the path.
    File,
}

/// How an answer comes out of a program.
#[derive(Clone, Copy)]
pub enum Output {
    /// Standard output is the answer, if the program ends with status 0.
    Text,
    /// Lines of JSON on standard output.
    Events(EventLines),
}

/// The rules by which the event lines of one program are read, and how many steps they may tell of.
#[derive(Clone, Copy)]
pub struct EventLines(&'static [Rule], &'static [Cap]);

impl EventLines {
    /// The lines that a program of one's own may print.
    #[must_use]
    pub fn plain() -> Self {
        preset::lines("events")
    }
}

impl Program {
    /// How the names of its folders begin. One whose process was killed in mid-question stays, with
    /// the question in it.
    pub const FOLDER: &'static str = "belay-model-";

    /// The names of the programs that are known.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        preset::names()
    }

    /// A known program, without environment beyond its own switches.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        preset::named(name)
    }

    /// A command of one's own, whose input goes by its arguments.
    #[must_use]
    pub fn new(command: Vec<String>) -> Self {
        let holds = |place: &str| command.iter().any(|part| part.contains(place));
        let input = if holds(prompt::PROMPT) {
            Input::Argument
        } else if holds(prompt::FILE) {
            Input::File
        } else {
            Input::Stdin
        };
        Self {
            preset: None,
            command,
            input,
            long_input_to_stdin: false,
            output: Output::Text,
            env: BTreeMap::new(),
            key_variable: None,
            isolate_home: false,
            login: None,
            silence: None,
            exits: BTreeMap::new(),
            errors: BTreeMap::new(),
            max_steps: None,
            folders: PathBuf::new(),
            workspace: None,
        }
    }

    /// As it is started to work in a folder.
    pub(crate) fn at_work(&self) -> Option<Self> {
        let works = self.workspace.as_ref()?;
        let mut program = Self { command: works.command.clone(), ..self.clone() };
        program.env.extend(works.env.clone());
        Some(program)
    }

    /// Whether it says what it cost. Of a command of one's own that is not known.
    #[must_use]
    pub fn tells_cost(&self) -> bool {
        match self.output {
            Output::Events(lines) => self.preset.is_some() && lines.0.iter().any(Rule::tells_cost),
            Output::Text => false,
        }
    }

    /// What it draws on without a key: a login of its own, which every start of a known program
    /// shares. None where nobody can tell.
    pub(crate) fn account(&self) -> Option<String> {
        let is_known = self.preset.is_some() || self.login.is_some();
        let preset = self.preset.unwrap_or_default();
        let login = self.login.as_deref().unwrap_or_default();
        (is_known && !self.isolate_home).then(|| format!("{preset} {login}"))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let works = self.workspace.as_ref().map(|works| &works.command);
        std::iter::once(&self.command).chain(works).try_for_each(|command| self.takes(command))
    }

    fn takes(&self, command: &[String]) -> Result<(), String> {
        if command.first().is_none_or(String::is_empty) {
            return Err("it has no program to start".to_owned());
        }
        if command.iter().any(|part| part.contains('\0')) {
            return Err("its command holds a NUL character".to_owned());
        }
        let lacks = |place: &str| !command.iter().any(|part| part.contains(place));
        match self.input {
            Input::Argument if lacks(prompt::PROMPT) => {
                Err("no argument holds {prompt}".to_owned())
            }
            Input::File if lacks(prompt::FILE) => Err("no argument holds {file}".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Values of variables may be secret.
impl fmt::Debug for Works {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        f.debug_struct("Works").field("command", &self.command).field("env", &names).finish()
    }
}

/// Values of variables may be secret.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        f.debug_struct("Program")
            .field("program", &self.command.first())
            .field("input", &self.input)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}
