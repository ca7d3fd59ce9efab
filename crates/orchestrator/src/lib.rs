//! The steps of a run, their order, partial success, retries, deadlines and
//! resume.
//!
//! A run is a journal. [`state`] folds the journal into what is known,
//! [`next`] says what follows from that, the driver does it and writes down
//! what came of it. There is no other memory, so a run that is killed at any
//! point and taken up again does what an undisturbed one would have done:
//! nothing finished is asked of a model twice.
//!
//! This crate knows nothing of HTTP, SQL or any vendor's formats, and reads
//! neither the environment nor the person's checkout.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod clock;
mod driver;
mod ending;
mod error;
pub mod event;
pub mod fact;
pub mod failing;
mod findings;
mod fold;
mod idea_issue;
pub mod issues;
pub mod journal;
pub mod memory;
pub mod metrics;
pub mod milestone;
pub mod mirror;
mod next;
mod observer;
pub mod offers;
pub mod owed;
mod progress;
mod pull_request;
pub mod questions;
mod settings;
mod shutdown;
mod source;
pub mod spending;
mod start;
pub mod state;
mod steps;
pub mod tally;
mod under_way;
mod update;
pub mod view;
mod words;

pub use driver::{Chains, Outcome, Parts, drive};
pub use ending::end_broken;
pub use error::Error;
pub use event::{Event, Role, Status};
pub use journal::{Line, Listener};
pub use next::{Step, next};
pub use pull_request::PullRequestState;
pub use settings::{
    CheckSetting, ChecksSetting, Gate, ProjectCommandSetting, PullRequestWhen, Settings, Sign,
    UpdateBy,
};
pub use shutdown::Shutdown;
pub use source::TreeSource;
pub use start::{NewWork, start, start_again};
pub use state::State;
pub use steps::people::{branch_is_back, is_answered};
pub use steps::run_of_commit;
pub use under_way::{Asking, Begun, UnderWay};
pub use view::RunView;
