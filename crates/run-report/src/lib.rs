//! A run as one page of HTML: every attempt by model, breakers over time, tokens and cost,
//! milestones with their diffs, checks and reviews, and what is left to people.
//!
//! The page stands for itself: no script, nothing from outside, readable from a disk, on a phone
//! and in the dark. Models, issues and repositories wrote most of what is on it. The template
//! engine escapes every value, no value is ever marked as safe, and a policy in the page's head
//! forbids whatever would come from elsewhere. All of it is bounded: a run of a night makes a page
//! that a phone opens.
//!
//! The crate takes what a journal says and gives text. It knows no store, no git and no disk.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod attempts;
mod axis;
mod lanes;
mod milestones;
mod page;
mod patch;
mod text;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use orchestrator::metrics::MetricsView;
use orchestrator::{Line, RunView, State};

/// What a page is made of.
pub struct Told<'a> {
    /// The run's events, in order.
    pub lines: &'a [Line],
    /// The state that they come to.
    pub state: &'a State,
    /// The run as `runs show` has it.
    pub view: &'a RunView,
    /// The run's metrics.
    pub metrics: &'a MetricsView,
    /// The patch of each commit that is still there, by the commit's name.
    pub patches: &'a BTreeMap<String, String>,
    /// Takes out of a text what nobody is to be shown.
    pub hide: &'a dyn Fn(&str) -> String,
}

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the report cannot be made: {0}")]
pub struct Error(#[from] minijinja::Error);

/// The name decides how values are escaped.
const TEMPLATE: &str = "report.html";

/// The whole page.
///
/// # Errors
///
/// If the template and what it is filled with do not fit, which is a mistake of this crate.
pub fn html(told: &Told<'_>) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    environment.add_template(TEMPLATE, include_str!("report.html"))?;
    environment.add_template("report.css", include_str!("report.css"))?;
    let page = page::Page::new(told);
    Ok(environment.get_template(TEMPLATE)?.render(Serde(&page))?)
}
