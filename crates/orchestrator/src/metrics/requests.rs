//! What became of each question to a chain. Its tries stand apart in the journal, between those
//! of other items, so they are put together by role, milestone and item.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;

use crate::event::{Event, Role};

/// Requests by how they ended. One that was cut short by a kill or a shutdown is asked again, and
/// is not counted.
#[derive(Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// The first model of the chain answered.
    pub by_primary: usize,
    /// Another model answered.
    pub by_fallback: usize,
    /// No model could be had: a template answered, or a person is left with it.
    pub degraded: usize,
    /// Models answered, and none of the answers could be taken.
    pub failed: usize,
    /// Another model than the first was asked, whatever came of it.
    pub fallback_used: usize,
}

impl Requests {
    /// All that ended.
    pub fn ended(&self) -> usize {
        self.by_primary + self.by_fallback + self.degraded + self.failed
    }
}

impl AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        self.by_primary += other.by_primary;
        self.by_fallback += other.by_fallback;
        self.degraded += other.degraded;
        self.failed += other.failed;
        self.fallback_used += other.fallback_used;
    }
}

type Place = (Role, Option<usize>, Option<usize>);

/// Requests that have not ended, each with whether a fallback was asked.
#[derive(Default)]
pub(super) struct Open(BTreeMap<Place, bool>);

impl Open {
    pub(super) fn take(&mut self, event: &Event, ended: &mut Requests) {
        match event {
            // A first try where one is open: that one was cut short.
            Event::AttemptStarted { role, attempt: 1, position, milestone, item, .. } => {
                self.0.insert((*role, *milestone, *item), *position > 0);
            }
            Event::AttemptStarted { role, position, milestone, item, .. } => {
                *self.0.entry((*role, *milestone, *item)).or_default() |= *position > 0;
            }
            Event::AttemptSucceeded { role, position, milestone, item, .. } => {
                let used = self.0.remove(&(*role, *milestone, *item)).unwrap_or_default();
                ended.fallback_used += usize::from(used || *position > 0);
                match position {
                    0 => ended.by_primary += 1,
                    _ => ended.by_fallback += 1,
                }
            }
            Event::Degraded { role, milestone, item, .. } => {
                let used = self.0.remove(&(*role, *milestone, *item)).unwrap_or_default();
                ended.fallback_used += usize::from(used);
                ended.degraded += 1;
            }
            // Of an item that no model could be had for it was said before.
            Event::ItemFailed { milestone, item, for_want_of_a_model: false, .. } => {
                let place = (Role::Coder, Some(*milestone), Some(*item));
                if let Some(used) = self.0.remove(&place) {
                    ended.fallback_used += usize::from(used);
                    ended.failed += 1;
                }
            }
            _ => {}
        }
    }
}
