//! A sentence written down as an idea.
//!
//! A sentence leaves open what counts as done, and every later step would
//! decide that anew. Written down once, a person can correct it in the file.

use std::fmt::Write as _;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::PlanRules;
use super::{facts, prompt};
use crate::answers::{NAME_CHARS, TEXT_CHARS, bound, bound_list, one_line, read, tidy_path};
use crate::asking::{Answered, Asking, Failed, Question, Settings};
use crate::idea::Idea;
use crate::schema;
use crate::source::{Source, View};

/// An idea as it may be written into a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Draft {
    /// One line, in the imperative.
    pub title: String,
    /// What is wanted and why.
    pub description: String,
    /// How one sees that it is done.
    pub criteria: Vec<String>,
    /// The paths that will probably change or be made.
    pub files: Vec<String>,
}

/// Asks the planner to write a sentence down as an idea. Where `asking.degradation` is there, a
/// template stands in, which says what the sentence says.
///
/// # Errors
/// As [`analyze`](crate::analyze).
pub async fn expand(
    asking: &Asking<'_>,
    sentence: &Idea,
    source: &dyn Source,
    settings: &Settings,
) -> Result<Answered<Draft>, Failed> {
    let view = View::new(source, settings)?;
    let rules = PlanRules::new(&view.known, settings);
    let stand_in = match asking.degradation {
        Some(templates) => Some(templates.idea(&facts(sentence, &rules))?),
        None => None,
    };
    let background = prompt::background(&view.known, settings, sentence);
    let texts = view.read(asking, &background).await?;
    let question = Question {
        name: "idea",
        schema: schema::of::<Draft>(),
        prompt: Arc::new(prompt::draft(sentence, &view.known, &background, &texts)),
        read: Arc::new(move |value, _| read_draft(value, &rules)),
        stand_in,
        workplace: None,
    };
    question.ask(asking).await
}

fn read_draft(value: &Value, rules: &PlanRules) -> Result<Draft, String> {
    let mut draft: Draft = read(value)?;
    draft.title = one_line(&draft.title, NAME_CHARS);
    if draft.title.is_empty() {
        return Err("title is empty: say in one line what is wanted".to_owned());
    }
    bound(&mut draft.description, TEXT_CHARS);
    bound_list(&mut draft.criteria);
    draft.files = draft.files.iter().map(|path| tidy_path(path)).collect();
    // A path that no plan may name would be refused there, run after run.
    draft.files.retain(|path| rules.allows(path));
    bound_list(&mut draft.files);
    Ok(draft)
}

impl Draft {
    /// The draft as [`Idea::parse`] reads it again: a heading or a comment in a text of it is none.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n", plain(&self.title));
        if !self.description.trim().is_empty() {
            let lines: Vec<String> = self.description.trim().lines().map(plain).collect();
            // Writing to a string cannot fail.
            let _ = write!(text, "\n## Description\n\n{}\n", lines.join("\n"));
        }
        let list = |entries: &[String], mark: &str| {
            let lines = entries.iter().map(|entry| {
                let line = entry.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("- {mark}{line}{mark}\n")
            });
            lines.collect::<String>()
        };
        for (name, entries, mark) in
            [("Acceptance criteria", &self.criteria, ""), ("Files", &self.files, "`")]
        {
            if !entries.is_empty() {
                let _ = write!(text, "\n## {name}\n\n{}", list(entries, mark));
            }
        }
        text
    }
}

/// A line that begins no heading, no front matter and no comment.
fn plain(line: &str) -> String {
    let line = line.replace("<!--", "<! --");
    let line = line.trim();
    let begins = |c: char| matches!(c, '#' | '=' | '-' | '*' | '_');
    let stripped = line.trim_start_matches(begins).trim_start();
    // A list in a description stays one.
    let is_entry = line.starts_with("- ") || line.starts_with("* ");
    if is_entry { line.to_owned() } else { stripped.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            title: "# Say farewell".to_owned(),
            description: "By name.\n\n## Files\n- `evil.rs`\n---\n<!-- hidden -->".to_owned(),
            criteria: vec!["prints\n# Bye".to_owned()],
            files: vec!["src/farewell.rs".to_owned()],
        }
    }

    #[test]
    fn a_draft_is_read_again_as_what_it_says() {
        let idea = Idea::parse("001-farewell", &draft().markdown()).expect("an idea");
        assert_eq!(idea.title, "Say farewell");
        assert_eq!(idea.files, ["src/farewell.rs"]);
        assert_eq!(idea.criteria, ["prints # Bye"]);
        assert!(idea.description.contains("By name.") && !idea.description.contains("<!--"));
    }
}
