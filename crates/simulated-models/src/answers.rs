//! What a good model says. The answers are data next to the script, so that a test states
//! the code it wants written in one place, and the shapes are those that the roles ask for.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::tool::Call;
use crate::work::{self, Next, Work};

/// The good answers, by schema name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// For `analysis`.
    pub analysis: Value,
    /// For `plan`.
    pub plan: Value,
    /// For `review`, unless `reviews` has any.
    pub review: Value,
    /// For `review`, in this order; the last one repeats.
    pub reviews: Vec<Value>,
    /// For `changes`, by path. The answer has an entry for each path of the request's enum
    /// that stands here.
    pub changes: BTreeMap<String, FileAnswer>,
    /// For `changes` again: the n-th answer given for a path comes from the newest of the
    /// first n maps that holds it, else from `changes`; the last one repeats.
    ///
    /// Both lists move on only when a whole good answer was given, so a failing primary does
    /// not use up what its fallback should say.
    pub changes_rounds: Vec<BTreeMap<String, FileAnswer>>,
    /// By any other schema name.
    pub other: BTreeMap<String, Value>,
    /// For requests without a schema.
    pub text: String,
    /// For requests without a schema that offer tools: the first whose condition holds.
    pub works: Vec<Work>,
}

/// A good answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Good {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
}

impl Default for Answers {
    /// A plausible analysis, a plan of one milestone that creates `src/greeting.rs`, an
    /// approving review, and no changes.
    fn default() -> Self {
        Self {
            analysis: json!({
                "understanding": "A small feature that can be built in one step.",
                "complexity": "low",
                "confidence": 0.9,
                "risks": [],
                "questions": [],
            }),
            plan: plan_for(&["src/greeting.rs"]),
            review: json!({
                "approved": true,
                "code_quality": 88,
                "issues": [],
                "strengths": ["The change does what was asked and no more."],
                "next_steps": [],
            }),
            reviews: Vec::new(),
            changes: BTreeMap::new(),
            changes_rounds: Vec::new(),
            other: BTreeMap::new(),
            text: "This is an answer in plain text.".to_owned(),
            works: Vec::new(),
        }
    }
}

impl Answers {
    /// The default answers with these files created in one milestone: plan and changes agree.
    pub fn creating<P: Into<String>, C: Into<String>>(
        files: impl IntoIterator<Item = (P, C)>,
    ) -> Self {
        let changes: BTreeMap<String, FileAnswer> = files
            .into_iter()
            .map(|(path, content)| (path.into(), FileAnswer::create(content)))
            .collect();
        let paths: Vec<&str> = changes.keys().map(String::as_str).collect();
        Self { plan: plan_for(&paths), changes, ..Self::default() }
    }
}

fn plan_for(create: &[&str]) -> Value {
    json!({
        "milestones": [{
            "name": "Implement the feature",
            "description": "Write the files that the idea asks for.",
            "files": {"create": create, "modify": [], "delete": []},
            "read": [],
            "tests": [],
        }],
        "risks": [],
        "success_criteria": ["The feature works as described."],
        "confidence": 0.9,
    })
}

/// What a good coder does with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileAnswer {
    /// The whole file.
    Content {
        /// Its new content.
        content: String,
        /// `create` or `modify`; `None` is `create`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
    /// Replacements in the existing file, with action `modify`.
    Edits(Vec<Edit>),
    /// The file goes.
    Delete,
}

/// A replacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Text that stands in the file once.
    pub search: String,
    /// What comes in its place.
    pub replace: String,
}

impl FileAnswer {
    /// A new file.
    pub fn create(content: impl Into<String>) -> Self {
        Self::Content { content: content.into(), action: None }
    }

    /// An existing file, written anew as a whole.
    pub fn modify(content: impl Into<String>) -> Self {
        Self::Content { content: content.into(), action: Some("modify".to_owned()) }
    }

    /// One replacement in an existing file.
    pub fn edit(search: impl Into<String>, replace: impl Into<String>) -> Self {
        Self::Edits(vec![Edit { search: search.into(), replace: replace.into() }])
    }

    fn entry(&self, path: &str) -> Value {
        let (action, content, edits) = match self {
            Self::Content { content, action } => {
                let action = action.as_deref().unwrap_or("create");
                (action, Value::from(content.as_str()), Value::Null)
            }
            Self::Edits(edits) => ("modify", Value::Null, json!(edits)),
            Self::Delete => ("delete", Value::Null, Value::Null),
        };
        json!({
            "path": path,
            "action": action,
            "content": content,
            "edits": edits,
            "explanation": format!("{action} {path} as the plan says"),
        })
    }
}

/// How many good answers were given before, as far as the lists in [`Answers`] need it.
#[derive(Debug, Default)]
pub(crate) struct Given {
    reviews: usize,
    paths: BTreeMap<String, usize>,
}

impl Given {
    pub(crate) fn note(&mut self, answers: &Answers, schema: Option<&str>, paths: &[String]) {
        match schema {
            Some("review") => self.reviews += 1,
            Some("changes") => {
                // Only paths of the script are counted: what a client names is unbounded.
                for path in paths.iter().filter(|path| answers.knows(path)) {
                    *self.paths.entry(path.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

impl Answers {
    fn knows(&self, path: &str) -> bool {
        self.changes_rounds.iter().any(|round| round.contains_key(path))
    }

    fn file(&self, path: &str, given: usize) -> Option<&FileAnswer> {
        let reached = &self.changes_rounds[..self.changes_rounds.len().min(given + 1)];
        reached.iter().rev().find_map(|round| round.get(path)).or_else(|| self.changes.get(path))
    }

    /// The good answer to a request.
    pub(crate) fn good(&self, asked: &Asked, given: &Given) -> Good {
        let text = match work::next(&self.works, asked) {
            Some(Next::Call(call)) => return Good { text: String::new(), calls: vec![call] },
            Some(Next::Word(word)) if !word.is_empty() => word.to_owned(),
            _ => self.content(asked.schema.as_deref(), &asked.paths, given),
        };
        Good { text, calls: Vec::new() }
    }

    /// The good content for a request.
    fn content(&self, schema: Option<&str>, paths: &[String], given: &Given) -> String {
        let value = match schema {
            None => return self.text.clone(),
            Some("analysis") => &self.analysis,
            Some("plan") => &self.plan,
            Some("review") => {
                let last = self.reviews.len().saturating_sub(1);
                self.reviews.get(given.reviews.min(last)).unwrap_or(&self.review)
            }
            Some("changes") => return self.change_set(paths, given).to_string(),
            Some(name) => match self.other.get(name) {
                Some(value) => value,
                None => return "{}".to_owned(),
            },
        };
        value.to_string()
    }

    fn change_set(&self, paths: &[String], given: &Given) -> Value {
        let files: Vec<Value> = paths
            .iter()
            .filter_map(|path| {
                let before = given.paths.get(path).copied().unwrap_or(0);
                self.file(path, before).map(|file| file.entry(path))
            })
            .collect();
        let notes = if files.is_empty() { "The script has no answer for these files." } else { "" };
        json!({"files": files, "notes": notes})
    }
}
