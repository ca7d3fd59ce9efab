//! What is spent in a day, by all processes together.
//!
//! A limit that begins anew with each process is none for a job that runs every hour. The sum is a
//! small value that they share; this crate says what should stand there and does not know where
//! that is. Each process adds what it has spent itself since it last did so, and nothing twice.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

const SECONDS_OF_A_DAY: u64 = 86_400;

/// What was spent within a day, as it stands in the shared value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// Days since 1970, in UTC.
    pub day: u64,
    /// US dollars.
    pub usd: f64,
}

/// What should stand in the shared value, and how much of it is new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unsaved {
    /// What should stand there.
    pub value: Spending,
    added: f64,
}

impl Unsaved {
    /// Whether the shared value needs to be written at all.
    #[must_use]
    pub fn adds_something(&self) -> bool {
        self.added > 0.0
    }
}

/// Today, as this process knows it.
#[derive(Debug)]
pub(crate) struct Day {
    day: u64,
    /// By the shared value when it was last written or read.
    shared: f64,
    /// By this process since then.
    own: f64,
}

impl Day {
    pub(crate) fn new(wall: SystemTime) -> Self {
        Self { day: day_of(wall), shared: 0.0, own: 0.0 }
    }

    pub(crate) fn usd(&self) -> f64 {
        self.shared + self.own
    }

    pub(crate) fn spend(&mut self, usd: f64) {
        self.own += usd;
    }

    /// Begins a new day if it is one. A clock that is set back over midnight is no new day, or the
    /// limit would be there twice; one that is set back further was wrong before.
    pub(crate) fn is_new_on(&mut self, wall: SystemTime) -> bool {
        let day = day_of(wall);
        let is_new = day > self.day || day.saturating_add(1) < self.day;
        if is_new {
            *self = Self { day, shared: 0.0, own: 0.0 };
        }
        is_new
    }

    pub(crate) fn unsaved(&self, stored: Option<&Spending>) -> Unsaved {
        let stored = stored.filter(|stored| stored.day == self.day && stored.usd.is_finite());
        let there = stored.map_or(0.0, |stored| stored.usd.max(0.0));
        Unsaved { value: Spending { day: self.day, usd: there + self.own }, added: self.own }
    }

    pub(crate) fn saved(&mut self, unsaved: &Unsaved) {
        if unsaved.value.day == self.day {
            self.shared = unsaved.value.usd;
            // What was spent while it was being written stays to be added.
            self.own = (self.own - unsaved.added).max(0.0);
        }
    }
}

fn day_of(wall: SystemTime) -> u64 {
    let since: Duration = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / SECONDS_OF_A_DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, hour: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(day * 24 + hour)
    }

    #[test]
    fn a_new_day_begins_with_nothing_and_a_clock_set_back_does_not() {
        let mut today = Day::new(at(100, 23));
        today.spend(3.0);
        assert!(!today.is_new_on(at(100, 1)));
        assert!(!today.is_new_on(at(99, 23)), "set back over midnight");
        assert_eq!(today.usd(), 3.0);
        assert!(today.is_new_on(at(101, 0)));
        assert_eq!(today.usd(), 0.0);
        assert!(today.is_new_on(at(50, 0)), "it was wrong before");
    }

    #[test]
    fn what_stands_there_of_another_day_or_as_rubbish_does_not_count() {
        let mut today = Day::new(at(100, 12));
        today.spend(1.0);
        for (day, usd, expected) in [
            (100, 2.0, 3.0),
            (99, 2.0, 1.0),
            (101, 2.0, 1.0),
            (100, f64::NAN, 1.0),
            (100, -4.0, 1.0),
        ] {
            let unsaved = today.unsaved(Some(&Spending { day, usd }));
            assert_eq!(unsaved.value, Spending { day: 100, usd: expected });
        }
    }

    #[test]
    fn what_is_spent_while_the_value_is_written_is_added_later() {
        let mut today = Day::new(at(100, 12));
        today.spend(1.0);
        let unsaved = today.unsaved(None);
        today.spend(0.5);
        today.saved(&unsaved);
        assert_eq!(today.usd(), 1.5);
        assert_eq!(today.unsaved(Some(&unsaved.value)).value.usd, 1.5);
    }
}
