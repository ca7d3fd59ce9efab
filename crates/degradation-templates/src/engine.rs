//! The template engine with its limits. Templates may be a user's own files,
//! so they get a budget of work, cannot reach any file, and print every value
//! escaped for their format unless a filter has already made it safe.

use std::fmt::Write as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};

use crate::markdown;

/// Work one rendering may do; about 64 bytes of output or one instruction a
/// unit. The built-in templates stay far below it with the largest facts.
const FUEL: u64 = 500_000;
/// Depth of nested loops, macros and includes.
const RECURSION: usize = 40;
/// The escaping of Markdown templates.
const MARKDOWN: &str = "markdown";

/// An environment without templates: no loader, strict about unknown names.
pub(crate) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".yaml.j2") {
            AutoEscape::Json
        } else {
            AutoEscape::Custom(MARKDOWN.into())
        }
    });
    environment.set_formatter(format);
    add_filters(&mut environment);
    Ok(environment)
}

/// Prints a value escaped for the template's format.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let markdown = matches!(state.auto_escape(), AutoEscape::Custom(name) if name == MARKDOWN);
    if markdown && !value.is_safe() && !value.is_undefined() {
        return Ok(out.write_str(&markdown::inline(&value.to_string()))?);
    }
    minijinja::escape_formatter(out, state, value)
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("plain", |text: String| safe(markdown::plain(&text)));
    environment.add_filter("code", |text: String| safe(markdown::code(&text)));
    environment.add_filter("quote", |text: String| safe(markdown::quote(&text)));
    environment.add_filter("fence", |text: String, language: Option<String>| {
        safe(markdown::fence(&text, &language.unwrap_or_default()))
    });
    environment.add_filter("bullets", |entries: Vec<String>| {
        safe(markdown::list(&entries, "- ", markdown::inline))
    });
    environment.add_filter("checklist", |entries: Vec<String>| {
        safe(markdown::list(&entries, "- [ ] ", markdown::inline))
    });
    environment.add_filter("paths", |entries: Vec<String>| {
        safe(markdown::list(&entries, "- ", markdown::code))
    });
    environment
        .add_filter("shorten", |text: String, limit: usize| markdown::shortened(&text, limit));
}

fn safe(markdown: String) -> Value {
    Value::from_safe_string(markdown)
}

/// The engine's complaint in one bounded line, with the template's line but
/// without the facts that were in hand.
pub(crate) fn describe(error: &Error) -> String {
    let mut text = error.kind().to_string();
    if let Some(detail) = error.detail() {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {detail}");
    }
    if let Some(line) = error.line() {
        let _ = write!(text, " (line {line})");
    }
    markdown::shortened(&text.replace('\n', " "), 300)
}
