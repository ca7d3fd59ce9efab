//! The choices that a provider of kind `command` has, and what holds for all of them.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a question goes into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProgramInput {
    /// In the argument that holds `{prompt}`.
    Argument,
    /// On standard input.
    Stdin,
    /// In a file, of which `{file}` is the path.
    File,
}

/// What a program prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProgramOutput {
    /// The answer and nothing else.
    Text,
    /// Lines of JSON, each with a `type`.
    Events,
}

/// What a program's failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ProgramFailure {
    /// It is not logged in, or its key is not accepted.
    Auth,
    /// Too many requests.
    RateLimited,
    /// Its quota is used up.
    QuotaExhausted,
    /// The question is too long for its model.
    ContextOverflow,
    /// Its model refused.
    Refused,
    /// Anything else, as any exit status but 0 means where nothing is said of it.
    Unavailable,
}

/// What a program does as a coder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProgramMode {
    /// What it prints is the answer.
    Answer,
    /// What it changes in its working folder is the answer.
    Workspace,
}

/// Coding-agent programs that work in a folder of their own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Agents {
    /// Files that no item of the milestone has are taken too. Default: false.
    pub(in crate::config) allow_outside: Option<bool>,
    /// What the next of the chain is told of what the one before left. Default: facts.
    pub(in crate::config) hand_over: Option<HandOver>,
}

/// What the next of a chain is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum HandOver {
    /// What was changed, what of it passes the checks, and what is left.
    Facts,
    /// Nothing.
    None,
}
