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

mod context;
mod engine;
mod error;
mod facts;
mod folder;
mod issue;
mod markdown;
mod name;
mod samples;
mod shape;
mod templates;

pub use error::Error;
pub use facts::{
    AttemptFact, BlockedFacts, DegradedReviewFacts, FileFact, FindingFact, IdeaFacts,
    ManualTaskFacts, RecoveryFacts, ReviewFacts,
};
pub use issue::IssueText;
pub use templates::Templates;
