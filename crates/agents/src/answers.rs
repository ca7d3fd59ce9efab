//! The shapes in which planner and reviewer answer.
//!
//! They are what the journal keeps and what later steps read, whoever answered: the fields are
//! the contract's, reading them is lenient (an optional list may be missing or null, a whole number
//! may be written `85.0`), and every text and list that came from outside loses what cannot be seen
//! and is cut to a bound, so that one answer can neither fill journals, prompts and issues, nor
//! bring a terminal's control sequences into them.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::legible::legible;

/// Longest single-line text that is kept, in characters.
pub(crate) const NAME_CHARS: usize = 200;
/// Longest running text that is kept, in characters.
pub(crate) const TEXT_CHARS: usize = 4000;
/// Longest list of texts that is kept.
const LIST_ITEMS: usize = 50;

/// What the planner understood of an idea.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analysis {
    /// What is to be built, in the planner's own words.
    pub understanding: String,
    /// How hard it is.
    pub complexity: Complexity,
    /// How sure the planner is that it understood, from 0 to 1.
    pub confidence: f64,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// What only a person can answer, the most needed first; empty when the idea is clear.
    pub questions: Vec<String>,
    /// Existing files whose content the plan needs, as paths from the repository's top.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub relevant_files: Vec<String>,
}

/// How hard an idea is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Complexity {
    /// One place, little thought.
    Low,
    /// Several places, or some thought.
    Medium,
    /// Many places, or much thought.
    High,
}

/// The ordered milestones of an idea.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The steps, in the order in which they are done.
    pub milestones: Vec<Milestone>,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// How one sees that the idea is done.
    pub success_criteria: Vec<String>,
    /// How sure the planner is of the plan, from 0 to 1.
    pub confidence: f64,
}

/// One step of a plan: one commit, or a note when it has no files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Milestone {
    /// A short name, fit for the subject of a commit.
    pub name: String,
    /// What is to be done.
    pub description: String,
    /// The files that the milestone changes, as paths from the repository's top.
    pub files: Files,
    /// Further existing files that a coder has to see, but not to change.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub read: Vec<String>,
    /// How to test it.
    pub tests: Vec<String>,
    /// Whether the milestone depends on an open question to a person; null when none is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_answer: Option<bool>,
}

impl Milestone {
    /// Whether the milestone changes no file, and so gets neither item nor commit.
    #[must_use]
    pub fn is_note(&self) -> bool {
        self.files.is_empty()
    }
}

/// The files of a milestone, by what happens to them; a file stands in one list at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Files {
    /// New files.
    pub create: Vec<String>,
    /// Existing files that change.
    pub modify: Vec<String>,
    /// Existing files that go.
    pub delete: Vec<String>,
}

impl Files {
    /// Whether no file is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.modify.is_empty() && self.delete.is_empty()
    }

    /// All paths: created, modified, deleted.
    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.create.iter().chain(&self.modify).chain(&self.delete)
    }
}

/// What the reviewer found in a milestone's diff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Whether the diff may be committed as it is.
    pub approved: bool,
    /// The quality of the code, from 0 to 100.
    #[serde(deserialize_with = "percent")]
    #[schemars(with = "u8")]
    pub code_quality: u8,
    /// What is wrong, the gravest first.
    pub issues: Vec<ReviewIssue>,
    /// What is good.
    pub strengths: Vec<String>,
    /// What should happen next.
    pub next_steps: Vec<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewIssue {
    /// How grave it is; `high` must be fixed before a commit.
    pub severity: Severity,
    /// The path of the file; empty when it is about no single file.
    pub file: String,
    /// The line in the new file, from 1; null when it is about no single line.
    #[serde(default, deserialize_with = "line_number")]
    #[schemars(with = "Option<u32>")]
    pub line: Option<u32>,
    /// What is wrong.
    pub issue: String,
    /// How to mend it.
    pub suggestion: String,
}

/// How grave an issue of a review is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Should be mended.
    Medium,
    /// Must be mended.
    High,
}

impl From<static_checks::Severity> for Severity {
    fn from(severity: static_checks::Severity) -> Self {
        match severity {
            static_checks::Severity::Low => Self::Low,
            static_checks::Severity::Medium => Self::Medium,
            static_checks::Severity::High => Self::High,
        }
    }
}

impl Severity {
    /// The word of the contract: `low`, `medium` or `high`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Reads an analysis and holds it against what the schema cannot say. Of the questions the first
/// `max_questions` are kept; what is not asked is a risk.
pub(crate) fn read_analysis(
    value: &serde_json::Value,
    max_questions: usize,
) -> Result<Analysis, String> {
    let mut analysis: Analysis = read(value)?;
    bound(&mut analysis.understanding, TEXT_CHARS);
    if analysis.understanding.trim().is_empty() {
        return Err("understanding is empty: say what is to be built".to_owned());
    }
    check_confidence(analysis.confidence)?;
    bound_list(&mut analysis.risks);
    bound_list(&mut analysis.questions);
    let unasked = analysis.questions.split_off(max_questions.min(analysis.questions.len()));
    analysis.risks.extend(unasked.into_iter().map(|question| format!("Not asked: {question}")));
    analysis.relevant_files.truncate(LIST_ITEMS);
    for path in &mut analysis.relevant_files {
        *path = tidy_path(path);
    }
    Ok(analysis)
}

/// Reads a review and holds it against what the schema cannot say.
pub(crate) fn read_review(value: &serde_json::Value) -> Result<Review, String> {
    let mut review: Review = read(value)?;
    review.issues.truncate(LIST_ITEMS * 2);
    for issue in &mut review.issues {
        bound(&mut issue.file, NAME_CHARS * 2);
        bound(&mut issue.issue, TEXT_CHARS);
        bound(&mut issue.suggestion, TEXT_CHARS);
    }
    review.issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
    bound_list(&mut review.strengths);
    bound_list(&mut review.next_steps);
    Ok(review)
}

/// Reads a plan's shape; what it names is held against the repository by the planner.
pub(crate) fn read_plan(value: &serde_json::Value) -> Result<Plan, String> {
    let mut plan: Plan = read(value)?;
    check_confidence(plan.confidence)?;
    bound_list(&mut plan.risks);
    bound_list(&mut plan.success_criteria);
    for milestone in &mut plan.milestones {
        milestone.name = one_line(&legible(&milestone.name), NAME_CHARS);
        bound(&mut milestone.description, TEXT_CHARS);
        bound_list(&mut milestone.tests);
    }
    Ok(plan)
}

/// Deserializes any answer, with an error that a model can act on.
pub(crate) fn read<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("the answer does not fit its schema: {error}"))
}

fn check_confidence(confidence: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&confidence) {
        return Ok(());
    }
    Err(format!("confidence is {confidence}; it must lie between 0 and 1"))
}

pub(crate) fn bound_list(list: &mut Vec<String>) {
    for text in list.iter_mut() {
        bound(text, TEXT_CHARS / 4);
    }
    list.retain(|text| !text.trim().is_empty());
    list.truncate(LIST_ITEMS);
}

/// Takes out of a text what cannot be seen, and cuts it to at most `limit` characters.
pub(crate) fn bound(text: &mut String, limit: usize) {
    *text = legible(text);
    cut(text, limit);
}

/// Cuts a text to at most `limit` characters, with a mark where something is missing.
pub(crate) fn cut(text: &mut String, limit: usize) {
    if let Some((at, _)) = text.char_indices().nth(limit) {
        text.truncate(at);
        text.push('…');
    }
}

/// A text on one line, without control characters, cut to `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    cut(&mut line, limit);
    line
}

/// A path as it was meant: without surrounding white space and without a leading `./`.
pub(crate) fn tidy_path(path: &str) -> String {
    let mut path = path.trim();
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path.to_owned()
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let number = f64::deserialize(deserializer)?;
    (0..=100u8)
        .find(|whole| (f64::from(*whole) - number).abs() <= 0.5)
        .ok_or_else(|| serde::de::Error::custom(format!("{number} does not lie between 0 and 100")))
}

/// A line that is no line of a file (zero, negative, absurd) is no line at all.
fn line_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let line = Option::<serde_json::Number>::deserialize(deserializer)?;
    Ok(line
        .and_then(|line| line.as_u64())
        .and_then(|line| u32::try_from(line).ok())
        .filter(|line| *line > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn review(quality: &Value, line: &Value) -> Result<Review, String> {
        let issue =
            json!({"severity": "low", "file": "a", "line": line, "issue": "i", "suggestion": "s"});
        read_review(&json!({
            "approved": true, "code_quality": quality, "issues": [issue], "strengths": [" "], "next_steps": [],
        }))
    }

    #[test]
    fn numbers_are_read_as_they_were_meant() {
        for (quality, line, expected) in [
            (json!(85), json!(3), Some((85, Some(3)))),
            (json!(84.6), json!(null), Some((85, None))),
            (json!(0), json!(0), Some((0, None))),
            (json!(100.0), json!(-4), Some((100, None))),
            (json!(1), json!(u64::MAX), Some((1, None))),
            (json!(101), json!(1), None),
            (json!(-1), json!(1), None),
        ] {
            let read = review(&quality, &line);
            let found = read.ok().map(|review| (review.code_quality, review.issues[0].line));
            assert_eq!(found, expected, "{quality} {line}");
        }
    }

    #[test]
    fn an_analysis_may_leave_out_what_is_optional_and_nothing_else() {
        let mut value = json!({
            "understanding": "x".repeat(9000), "complexity": "low", "confidence": 1, "risks": ["", "r"], "questions": [],
        });
        let analysis = read_analysis(&value, 3).unwrap();
        assert!(analysis.relevant_files.is_empty() && analysis.risks == ["r"]);
        assert_eq!(analysis.understanding.chars().count(), TEXT_CHARS + 1);
        value["relevant_files"] = json!(null);
        assert!(read_analysis(&value, 3).is_ok());
        value["relevant_files"] = json!([" ./src/a.rs"]);
        assert_eq!(read_analysis(&value, 3).unwrap().relevant_files, ["src/a.rs"]);
        for (field, wrong, said) in [
            ("confidence", json!(1.5), "between 0 and 1"),
            ("understanding", json!(" "), "understanding is empty"),
            ("complexity", json!("huge"), "does not fit its schema"),
        ] {
            let mut bad = value.clone();
            bad[field] = wrong;
            let error = read_analysis(&bad, 3).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn questions_beyond_the_limit_are_risks() {
        let value = json!({
            "understanding": "u", "complexity": "low", "confidence": 0.4, "risks": ["r"],
            "questions": ["a?", " ", "b?", "c?"],
        });
        for (most, asked, risks) in [
            (3, vec!["a?", "b?", "c?"], vec!["r"]),
            (1, vec!["a?"], vec!["r", "Not asked: b?", "Not asked: c?"]),
            (0, vec![], vec!["r", "Not asked: a?", "Not asked: b?", "Not asked: c?"]),
        ] {
            let analysis = read_analysis(&value, most).unwrap();
            assert_eq!(
                (analysis.questions, analysis.risks),
                (
                    asked.into_iter().map(str::to_owned).collect(),
                    risks.into_iter().map(str::to_owned).collect(),
                )
            );
        }
    }

    #[test]
    fn texts_are_cut_between_letters() {
        let mut text = "äöü".to_owned();
        cut(&mut text, 3);
        assert_eq!(text, "äöü");
        cut(&mut text, 2);
        assert_eq!(text, "äö…");
        assert_eq!(one_line(" a\n\tb\u{7}c ", 3), "a b…");
    }

    /// Commit messages, issues and terminals get these texts as they are.
    #[test]
    fn what_cannot_be_seen_is_in_no_answer() {
        let bad = "\u{1b}[31mA\u{1b}]0;\0\u{202e} \u{200b}b\n";
        let files = json!({"create": ["a"], "modify": [], "delete": []});
        let milestone =
            json!({"name": bad, "description": bad, "files": files, "tests": [bad, "\u{200b}"]});
        let plan = json!({"milestones": [milestone], "risks": [bad], "success_criteria": [bad],
                          "confidence": 0.5});
        let analysis = json!({"understanding": bad, "complexity": "low", "confidence": 0.5,
                              "risks": [bad], "questions": [bad]});
        let issue = json!({"severity": "low", "file": bad, "line": 1, "issue": bad,
                           "suggestion": bad});
        let review = json!({"approved": true, "code_quality": 1, "issues": [issue],
                            "strengths": [bad], "next_steps": [bad]});
        let plan = read_plan(&plan).unwrap();
        assert_eq!(plan.milestones[0].name, "A]0; b");
        assert_eq!(plan.milestones[0].description, "A]0; b\n");
        assert_eq!(plan.milestones[0].tests, ["A]0; b\n"]);
        let (analysis, review) =
            (read_analysis(&analysis, 3).unwrap(), read_review(&review).unwrap());
        let everything = format!("{plan:?} {analysis:?} {review:?}");
        for hidden in ["\\u{1b}", "\\0", "\\u{202e}", "\\u{200b}"] {
            assert!(!everything.contains(hidden), "{hidden}: {everything}");
        }
    }

    #[test]
    fn answers_survive_the_journal() {
        let milestone =
            Milestone { name: "n".to_owned(), read: vec!["r".to_owned()], ..Milestone::default() };
        let plan = Plan {
            milestones: vec![milestone],
            risks: vec![],
            success_criteria: vec![],
            confidence: 0.5,
        };
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}
