//! What a partial milestone lacks, tried once more before the run ends.
//!
//! The rest is a milestone of its own at the plan's end, with the same rounds, review and tests,
//! so that what was committed already is never at risk.

use crate::Error;
use crate::driver::Driver;
use crate::event::Event;
use crate::issues;
use crate::milestone::{Item, Origin};

impl Driver {
    pub(super) async fn reopen(&self, rest_of: usize) -> Result<(), Error> {
        let (milestone, files) = {
            let state = self.journal.state();
            let items = issues::items_to_try(&state, rest_of);
            let files: Vec<String> = items.into_iter().flat_map(Item::files).collect();
            (state.milestones.len() + 1, files)
        };
        self.journal.append(Event::MilestoneReopened { milestone, rest_of, files }).await
    }

    /// Leaves a milestone that the plan does not have: what it is for stays as it was.
    pub(super) async fn drop_besides(&self, milestone: usize, reason: String) -> Result<(), Error> {
        let origin = self.journal.state().milestone(milestone).map(|state| state.origin.clone());
        match origin {
            Some(Origin::RestOf(rest_of)) => {
                self.refuse_offers_of(milestone, &reason, true).await?;
                self.journal.append(Event::MilestoneDropped { milestone, rest_of, reason }).await?;
                self.refresh_issues_of(rest_of).await
            }
            Some(Origin::Update(onto)) => self.refuse_base(milestone, onto, reason).await,
            Some(Origin::Plan) | None => {
                Err(Error::Inconsistent("a milestone of the plan is dropped"))
            }
        }
    }
}
