//! The choices that a provider of kind `command` has.

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
