//! One request to one model, classified; and the chain that turns many models into one answer.
//!
//! A model that is slow, limited, down, out of credit or answering nonsense must cost its caller
//! one bounded attempt and never the work. So every failure gets a [`Class`] from one table, the
//! class alone decides what comes next, and what was learned about a model (its breaker, its
//! rests, its usual latency) is shared by every request of a run and can be kept between
//! processes as a [`Memory`].
//!
//! - [`Providers`] holds what is shared; [`Providers::chain`] gives an ordered [`Chain`].
//! - [`Chain::ask`] asks for one JSON value by a [`Schema`] and gives an [`Answer`] that passed
//!   it, or the stand-in's value that passed the same checks, or [`Unanswered`].
//! - A [`Request`] is started afresh at each model; nothing of a failed answer is continued by
//!   another model.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use model_providers::{Message, MessageRole, Providers, Request, Schema, Settings};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let providers = Providers::new(Settings::default())?;
//! let chain = providers.chain(&[], Duration::from_secs(60))?;
//! let question = "Is all well?".to_owned();
//! let request = Request {
//!     schema: Schema { name: "health".into(), body: json!({"required": ["ok"]}) },
//!     prompt: Arc::new(vec![Message { role: MessageRole::User, content: question }]),
//!     validate: None,
//!     stand_in: Some(Arc::new(|_attempts| json!({"ok": false}))),
//!     workplace: None,
//! };
//! // Nobody is configured, so the stand-in answers.
//! let answer = chain.ask(&request, None, &Default::default(), &()).await?;
//! assert!(answer.degraded);
//! # Ok(())
//! # }
//! ```

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod answer;
mod budget;
mod chain;
mod class;
mod classify;
mod clock;
mod counters;
mod error;
mod event;
mod failure;
mod family;
mod holes;
mod jitter;
mod latency;
mod launches;
mod limits;
mod memory;
mod model_id;
mod output;
mod pools;
mod price;
mod program;
mod providers;
mod redact;
mod request;
mod rests;
mod secret;
mod settings;
mod spending;
mod transport;
mod wire;
mod workplace;

pub use answer::{Answer, Attempt, Reason, Spent, Tokens, Unanswered};
pub use chain::Chain;
pub use class::Class;
pub use counters::{Counts, FIRST_TOKEN_BOUNDS, FirstToken};
pub use error::Error;
pub use event::{Event, Observer};
pub use memory::Memory;
pub use model_id::{InvalidModelId, ModelId};
pub use program::{EventLines, Input, Output, Program, Works};
pub use providers::{Health, Providers};
pub use request::{
    Message, MessageRole, Prompt, Request, Schema, StandIn, TooLarge, Validate, estimate_tokens,
};
pub use secret::Secret;
pub use settings::{BudgetLimits, Endpoint, Facts, Failover, Kind, Limits, OnRefusal, Settings};
pub use spending::{Spending, Unsaved};
pub use workplace::{Left, Opened, Start, Workplace};

/// The names that an endpoint's dialect may have.
pub fn dialects() -> impl Iterator<Item = &'static str> {
    wire::dialect::names()
}
