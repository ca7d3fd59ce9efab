//! Does a JSON, TOML or YAML file still parse? A broken manifest or workflow
//! stops a whole project, and no test of the project runs to say so.

use serde::de::IgnoredAny;

use crate::{Change, Finding, Rule, Severity, content, language, secret};

/// A parser's complaint: the line, counted from 1, and what it says.
struct Complaint {
    line: Option<u32>,
    message: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Toml,
    Yaml,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
        }
    }

    /// The format a path promises; `None` for others and for dialects (JSON with comments).
    fn of(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let name = path.rsplit('/').next().unwrap_or_default();
        match name.rsplit_once('.')?.1 {
            "json" if !json_with_comments(&path, name) => Some(Self::Json),
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// Files that tools read as JSON with comments although they end in `.json`.
fn json_with_comments(path: &str, name: &str) -> bool {
    const NAMES: [&str; 8] = [
        ".eslintrc.json",
        ".jshintrc.json",
        ".swcrc.json",
        "api-extractor.json",
        "deno.json",
        "devcontainer.json",
        "language-configuration.json",
        "turbo.json",
    ];
    name.starts_with("tsconfig")
        || name.starts_with("jsconfig")
        || NAMES.contains(&name)
        || path.starts_with(".vscode/")
        || path.contains("/.vscode/")
}

/// A high finding when the change breaks a file that parsed before.
///
/// A file that did not parse before either is written in a dialect that this
/// crate does not know (a template, comments in JSON), and is left alone.
pub(crate) fn check(change: &Change<'_>, after: &str) -> Option<Finding> {
    let format = Format::of(change.path)?;
    let complaint = parse(format, after).err()?;
    let before = change.before.and_then(content::decode);
    if before.is_some_and(|before| parse(format, before).is_err()) {
        return None;
    }
    let fixture = language::is_fixture(change.path);
    Some(Finding {
        path: change.path.to_owned(),
        line: complaint.line,
        severity: if fixture { Severity::Low } else { Severity::High },
        rule: Rule::Syntax,
        message: format!("Not valid {}: {}.", format.name(), complaint.message),
        suggestion: format!("Correct the syntax so that the file parses as {}.", format.name()),
    })
}

fn parse(format: Format, text: &str) -> Result<(), Complaint> {
    match format {
        Format::Json => parse_json(text),
        Format::Toml => parse_toml(text),
        Format::Yaml if is_template(text) => Ok(()),
        Format::Yaml => parse_yaml(text),
    }
}

/// Reading into `IgnoredAny` is not recursive, so nesting cannot exhaust the stack.
fn parse_json(text: &str) -> Result<(), Complaint> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
            let full = error.to_string();
            // The place stands in its own field; the text need not repeat it.
            let what = full.split(" at line ").next().unwrap_or_default();
            Err(complaint(line, what))
        }
    }
}

fn parse_toml(text: &str) -> Result<(), Complaint> {
    match toml::from_str::<toml::Table>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let line = error.span().map(|span| line_at(text, span.start));
            Err(complaint(line, error.message()))
        }
    }
}

fn parse_yaml(text: &str) -> Result<(), Complaint> {
    use serde_yaml::{Error, NonFiniteFloatPolicy};
    let options = serde_yaml::options! {
        with_snippet: false,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    match serde_yaml::from_multiple_with_options::<IgnoredAny>(text, options) {
        Ok(_) => Ok(()),
        // Too much for this parser is not wrong.
        Err(
            Error::Budget { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. }
            | Error::RecursiveReferencesRequireWeakTypes { .. },
        ) => Ok(()),
        Err(error) => {
            let line = error
                .location()
                .and_then(|at| u32::try_from(at.line()).ok())
                .filter(|line| *line > 0);
            let full = error.to_string();
            // What a caller of the parser could set is no help to the file's author.
            let what = full.split(", set ").next().unwrap_or_default();
            Err(complaint(line, what))
        }
    }
}

/// Helm charts and the like are YAML only after their template engine ran.
fn is_template(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("{{")
            || line.starts_with("{%")
            || line.contains("{{-")
            || line.contains(": {{")
    })
}

fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().iter().take(offset);
    let breaks = before.filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}

/// One bounded line: parsers quote the text they choke on, secrets too.
fn complaint(line: Option<u32>, message: &str) -> Complaint {
    let first = message.lines().next().unwrap_or_default();
    let message: String = if secret::is_in(message) {
        "the parser's message quotes what looks like a credential".to_owned()
    } else {
        let printable = first.chars().filter(|c| !c.is_control());
        printable.take(160).collect()
    };
    Complaint { line, message: message.trim_end_matches('.').to_owned() }
}
