//! One try of a program that works in a folder: started there, and what it changed taken for its answer.
//!
//! Its own account of the work decides nothing. It ended well, or it failed; what it left is told by
//! whoever owns the folder, and passes the request's own check as an answer does.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::attempt::Try;
use crate::budget::Usage;
use crate::failure::Failure;
use crate::output::{Check, Rejected};
use crate::wire::Completion;
use crate::{Class, Left, Opened, Program, Start, Workplace};

/// How long the owner of the folder may take, for what it does before and after the program.
const OWNERS: Duration = Duration::from_mins(2);

/// Its end begins this long before its time is over, so that what it printed is not lost.
const POLITE_END: Duration = Duration::from_secs(3);

/// A program, and where it works.
pub(super) struct Work<'w> {
    pub(super) program: Program,
    pub(super) workplace: &'w dyn Workplace,
}

impl Work<'_> {
    /// What it changed, if that can be taken; else the folder is given back.
    pub(super) async fn make(
        &self,
        attempt: &Try<'_>,
        check: &Check,
        mend: Option<&str>,
    ) -> Result<(Value, Usage), Failure> {
        let start = Start { model: attempt.route.model, mend };
        let opened = timeout(OWNERS, self.workplace.open(start)).await;
        let opened = opened.map_err(|_| no_folder("it took too long to make"))?;
        let Opened { folder, prompt } = opened.map_err(|error| no_folder(&error))?;
        let mut asked = attempt.asked(&self.program, Some(&folder));
        asked.limited.total = asked.limited.total.saturating_sub(POLITE_END);
        let (ended, printed) = match attempt.within(asked.ask(&prompt)).await {
            Ok(ended) => ended,
            Err(out_of_time) => (Err(out_of_time), String::new()),
        };
        let (failure, note) = match ended {
            Ok(completion) => match self.taken(&completion, check).await {
                Ok(value) => return Ok((value, completion.usage)),
                Err(failure) => (failure.with_usage(completion.usage), Some(completion.text)),
            },
            Err(failure) => (failure, None),
        };
        let redactor = &attempt.providers.redactor;
        let (reason, printed) = (failure.said(redactor), redactor.without_secrets(&printed));
        let note = note.map(|note| redactor.without_secrets(&note));
        let left = Left {
            model: attempt.route.model,
            class: failure.class,
            reason: &reason,
            note: note.as_deref(),
            transcript: &printed,
        };
        if timeout(OWNERS, self.workplace.leave(left)).await.is_err() {
            tracing::warn!(model = %attempt.route.model, "what it left could not be looked at in time");
        }
        Err(failure)
    }

    async fn taken(&self, completion: &Completion, check: &Check) -> Result<Value, Failure> {
        let changed = timeout(OWNERS, self.workplace.changed(&completion.text)).await;
        let changed = changed.map_err(|_| no_folder("it took too long to look at"))?;
        let rejected = match changed {
            Ok(value) => match check.own(&value) {
                Ok(()) => return Ok(value),
                Err(rejected) => rejected,
            },
            Err(why) => {
                let likeness = format!("work {why}");
                Rejected::new(why, likeness)
            }
        };
        Err(rejected.into_failure())
    }
}

/// Nobody's fault but the machine's, and at once again it would be the same.
fn no_folder(why: &str) -> Failure {
    let mut failure = Failure::new(Class::Unavailable, format!("no folder to work in: {why}"));
    failure.refused_connection = true;
    failure
}
