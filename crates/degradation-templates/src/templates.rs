//! The set of templates in use, each proved with sample facts when loaded.

use std::path::Path;
use std::sync::Arc;

use minijinja::Environment;
use serde::Serialize;
use serde_json::{Value, json};

use crate::name::Name;
use crate::{
    BlockedFacts, DegradedReviewFacts, Error, IdeaFacts, IssueText, ManualTaskFacts, RecoveryFacts,
    ReviewFacts, context, engine, folder, issue, samples, shape,
};

/// The best mark a review without a reviewer may give, of 100.
const BEST_DEGRADED_MARK: u64 = 70;

/// The templates in use. Cheap to clone; rendering takes `&self` and no lock.
#[derive(Clone, Debug)]
pub struct Templates {
    environment: Arc<Environment<'static>>,
}

impl Templates {
    /// The templates that come with the crate.
    ///
    /// # Errors
    /// As [`Templates::with_folder`]; with unchanged templates it does not fail.
    pub fn built_in() -> Result<Self, Error> {
        Self::with_replacements(Vec::new())
    }

    /// The built-in templates, replaced by the files of `dir` that have their
    /// names. Reads the folder now and never again; hidden files are ignored.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, a file's name is not one of
    /// [`Templates::names`], or a template does not give what it must for sample facts.
    pub fn with_folder(dir: &Path) -> Result<Self, Error> {
        Self::with_replacements(folder::read(dir)?)
    }

    /// The file names by which templates can be replaced.
    #[must_use]
    pub const fn names() -> &'static [&'static str] {
        &Name::FILES
    }

    /// An analysis in the shape of a model's: `understanding`, `complexity`,
    /// `confidence`, `risks`, `questions`, `relevant_files`.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn analysis(&self, facts: &IdeaFacts) -> Result<Value, Error> {
        self.answer(Name::Analysis, &json!({ "idea": facts }), shape::analysis)
    }

    /// A plan in the shape of a model's: a note, and one milestone with the idea's files.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn plan(&self, facts: &IdeaFacts) -> Result<Value, Error> {
        self.answer(Name::Plan, &json!({ "idea": facts }), shape::plan)
    }

    /// A review in the shape of a model's. Whatever the template says, it is
    /// never approved with a high finding and never marked better than 70.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn review(&self, facts: &ReviewFacts) -> Result<Value, Error> {
        let mut facts = facts.clone();
        // The grave ones first: long lists are cut, and they must not be what is lost.
        facts.findings.sort_by_key(|finding| rank(&finding.severity));
        let high = facts.findings.first().is_some_and(|finding| rank(&finding.severity) == 0);
        let mut review = self.answer(Name::Review, &facts, shape::review)?;
        if high && let Some(approved) = review.get_mut("approved") {
            *approved = Value::Bool(false);
        }
        if let Some(mark) = review.get_mut("code_quality")
            && mark.as_f64().is_none_or(|mark| mark > 70.0)
        {
            *mark = BEST_DEGRADED_MARK.into();
        }
        Ok(review)
    }

    /// The issue for a milestone that waits for a person.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn manual_task(&self, facts: &ManualTaskFacts) -> Result<IssueText, Error> {
        self.issue(Name::ManualTask, facts)
    }

    /// The issue for a work item whose models answered but failed.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn failed_item(&self, facts: &ManualTaskFacts) -> Result<IssueText, Error> {
        self.issue(Name::FailedItem, facts)
    }

    /// The issue for a run that needs a person's answer or decision.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn blocked(&self, facts: &BlockedFacts) -> Result<IssueText, Error> {
        self.issue(Name::Blocked, facts)
    }

    /// The note for a run that was stopped with its state saved.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn recovery(&self, facts: &RecoveryFacts) -> Result<IssueText, Error> {
        self.issue(Name::Recovery, facts)
    }

    /// The issue that asks a person for the review that no model gave.
    ///
    /// # Errors
    /// When a replaced template fails on these facts.
    pub fn degraded_review(&self, facts: &DegradedReviewFacts) -> Result<IssueText, Error> {
        self.issue(Name::DegradedReview, facts)
    }

    fn with_replacements(replacements: Vec<(Name, String)>) -> Result<Self, Error> {
        let failed = |name: Name, error: &minijinja::Error| Error::Render {
            name: name.file(),
            message: engine::describe(error),
        };
        // The engine's own set-up can only fail as the first template would.
        let mut environment =
            engine::environment().map_err(|error| failed(Name::Analysis, &error))?;
        let built_in = Name::ALL.map(|name| (name, name.built_in().to_owned()));
        for (name, source) in built_in.into_iter().chain(replacements) {
            environment
                .add_template_owned(name.file(), source)
                .map_err(|error| failed(name, &error))?;
        }
        let templates = Self { environment: Arc::new(environment) };
        templates.prove()?;
        Ok(templates)
    }

    /// Renders everything once with full facts, and the answers with empty ones
    /// too, for a run goes on with whatever an answer says.
    fn prove(&self) -> Result<(), Error> {
        for idea in [samples::idea(), IdeaFacts::default()] {
            self.analysis(&idea)?;
            self.plan(&idea)?;
        }
        for facts in [samples::review(), ReviewFacts::default()] {
            self.review(&facts)?;
        }
        let task = samples::manual_task();
        for (name, issue) in [
            (Name::ManualTask, self.manual_task(&task)?),
            (Name::FailedItem, self.failed_item(&task)?),
            (Name::Blocked, self.blocked(&samples::blocked())?),
            (Name::Recovery, self.recovery(&samples::recovery())?),
            (Name::DegradedReview, self.degraded_review(&samples::degraded_review())?),
        ] {
            if issue.title.is_empty() || issue.body.trim().is_empty() {
                return Err(Error::Output {
                    name: name.file(),
                    message: "the title or the body is empty".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        name: Name,
        facts: &impl Serialize,
        fits: fn(&Value) -> Result<(), String>,
    ) -> Result<Value, Error> {
        let wrong = |message| Error::Output { name: name.file(), message };
        let rendered = self.render(name, facts)?;
        let options = serde_yaml::options! { with_snippet: false, strict_booleans: true };
        let value: Value = serde_yaml::from_str_with_options(&rendered, options)
            .map_err(|error| wrong(error.to_string()))?;
        fits(&value).map_err(wrong)?;
        Ok(value)
    }

    fn issue(&self, name: Name, facts: &impl Serialize) -> Result<IssueText, Error> {
        let rendered = self.render(name, facts)?;
        issue::split(&rendered).map_err(|message| Error::Output { name: name.file(), message })
    }

    fn render(&self, name: Name, facts: &impl Serialize) -> Result<String, Error> {
        let failed = |message| Error::Render { name: name.file(), message };
        let context = context::context(facts).map_err(|error| failed(error.to_string()))?;
        self.environment
            .get_template(name.file())
            .and_then(|template| template.render(context))
            .map_err(|error| failed(engine::describe(&error)))
    }
}

/// High first; a word that is no severity counts as high.
fn rank(severity: &str) -> u8 {
    match severity {
        "low" => 2,
        "medium" => 1,
        _ => 0,
    }
}
