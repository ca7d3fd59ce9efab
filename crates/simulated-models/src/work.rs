//! What a coding agent's model does with the tools that it is offered, as data: deeds, each a
//! call of a tool in an answer of its own, and a last word.
use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::tool::{Call, call};

/// A piece of work. It is done where a request asks for no schema, offers a tool for the next
/// deed, and its user has said `when`.
///
/// How far it has come is counted by the results of tools that the request carries, so two
/// programs that work at the same time do not disturb each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Work {
    /// A part of what the user said; absent: any request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What is done, in this order.
    pub deeds: Vec<Deed>,
    /// The answer after the last deed; if empty, it is the script's text.
    pub then: String,
}

/// Something that a tool can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Writes a file: by the tool for it, else by a patch or a command.
    Write {
        /// From the program's working folder, or absolute.
        path: String,
        /// All of it.
        content: String,
    },
    /// Runs a command for the shell.
    Run {
        /// As it would be typed.
        command: String,
    },
}

/// What is to be said to a request for work.
pub(crate) enum Next<'a> {
    Call(Call),
    Word(&'a str),
}

/// The next step of the first work that this request is for.
pub(crate) fn next<'a>(works: &'a [Work], asked: &Asked) -> Option<Next<'a>> {
    if asked.schema.is_some() {
        return None;
    }
    works.iter().filter(|work| work.is_for(asked)).find_map(|work| {
        let done = usize::try_from(asked.results).unwrap_or(usize::MAX);
        match work.deeds.get(done) {
            Some(deed) => call(deed, &asked.tools).map(Next::Call),
            None => (done > 0).then_some(Next::Word(&work.then)),
        }
    })
}

impl Work {
    /// Writes one file and says `then`.
    pub fn writing(
        path: impl Into<String>,
        content: impl Into<String>,
        then: impl Into<String>,
    ) -> Self {
        let deed = Deed::Write { path: path.into(), content: content.into() };
        Self { when: None, deeds: vec![deed], then: then.into() }
    }

    /// Restricts it to requests whose user has said this.
    #[must_use]
    pub fn when(mut self, said: impl Into<String>) -> Self {
        self.when = Some(said.into());
        self
    }

    fn is_for(&self, asked: &Asked) -> bool {
        let said = |part: &String| asked.said.iter().any(|text| text.contains(part.as_str()));
        self.when.as_ref().is_none_or(said)
    }
}
