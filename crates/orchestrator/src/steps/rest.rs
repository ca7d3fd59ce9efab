//! What a partial milestone lacks, tried once more before the run ends.
//!
//! The rest is a milestone of its own at the plan's end, with the same rounds, review and tests,
//! so that what was committed already is never at risk.

use crate::Error;
use crate::driver::Driver;
use crate::event::Event;
use crate::issues;
use crate::milestone::Item;

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

    pub(super) async fn drop_rest(&self, milestone: usize, reason: String) -> Result<(), Error> {
        let rest_of = self.journal.state().milestone(milestone).and_then(|state| state.rest_of);
        let rest_of =
            rest_of.ok_or(Error::Inconsistent("no milestone that this is the rest of"))?;
        self.journal.append(Event::MilestoneDropped { milestone, rest_of, reason }).await
    }
}
