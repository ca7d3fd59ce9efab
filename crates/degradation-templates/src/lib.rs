//! What is said when no model answers: analysis, plan, review, manual task and
//! issue texts, as templates that a user can replace.
//!
//! The failure this prevents is a run that dies, or goes silent, because the
//! last model did. A template's answer has the shape of a model's and is
//! checked by the same code, so the steps that use it know no special case.
//!
//! Facts come from ideas, models and providers, which others wrote. In YAML
//! every value is printed as JSON; in Markdown every value is escaped, quoted
//! or fenced. A template that a user replaced has the same protection and a
//! budget of work, and is rendered with sample facts before it is trusted.
//! What was loaded needs neither disk nor network again.
//!
//! The crate stands alone: facts in, an answer or an issue's text out.
//!
//! ```
//! use degradation_templates::{FileFact, IdeaFacts, ManualTaskFacts, Templates};
//!
//! # fn main() -> Result<(), degradation_templates::Error> {
//! let templates = Templates::built_in()?;
//! let idea = IdeaFacts {
//!     id: "12-tides".into(),
//!     title: "Show the tides".into(),
//!     files: vec![FileFact { path: "src/tides.py".into(), exists: false }],
//!     ..IdeaFacts::default()
//! };
//!
//! // The planner is silent: a plan in a planner's own shape, from what is known.
//! let plan = templates.plan(&idea)?;
//! assert_eq!(plan["milestones"][1]["files"]["create"][0], "src/tides.py");
//! assert_eq!(plan["confidence"], 0.5);
//!
//! // The coder is silent too: what a person is to do.
//! let task = ManualTaskFacts {
//!     idea,
//!     milestone_name: "Read the tables".into(),
//!     for_want_of_a_model: true,
//!     resume_command: "belay resume".into(),
//!     ..ManualTaskFacts::default()
//! };
//! let issue = templates.manual_task(&task)?;
//! assert_eq!(issue.title, "Manual task: Read the tables (Show the tides)");
//! assert!(issue.body.contains("belay resume"));
//! # Ok(())
//! # }
//! ```

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod context;
mod engine;
mod error;
mod facts;
mod folder;
mod issue;
mod markdown;
mod name;
mod proof;
mod samples;
mod shape;
mod templates;

pub use error::Error;
pub use facts::{
    AttemptFact, BlockedFacts, DamagedStateFacts, DegradedReviewFacts, FileFact, FindingFact,
    IdeaFacts, ManualTaskFacts, ProgressFacts, PullRequestFacts, QuestionFacts, RecoveryFacts,
    ReviewFacts, SalvagedFact,
};
pub use issue::IssueText;
pub use markdown::unlinked;
pub use templates::Templates;
