//! What most callers need to know, in one atomic word: nearly every call finds a closed breaker,
//! in an outage nearly every call an open one, and neither should queue for a lock.
//!
//! The word is written under the machine's lock only, after each change, and it is whole: the state
//! with the generation of its permits, or with what the clock will show when its probe is due. A
//! caller that reads it acts on a state that held while it was reading.
//!
//! ```text
//! closed      generation << 3 | watched << 2 | 0      watched: a success changes something
//! open        seconds << 32 | nanoseconds << 2 | 1    as the clock has them: who is turned away
//! otherwise                                      2    learns the time left by a subtraction
//! ```

use std::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};

const TAG: u64 = 3;
const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const ASK: u64 = 2;
const WATCHED: u64 = 4;

#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
}

/// What a permit is known by. No number is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// For a permit of a closed breaker, exactly the word of that breaker while no success matters.
    word: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Admit(Ticket),
    /// Rejected as long as the clock shows less.
    OpenUntil(Duration),
    Ask,
}

/// A word to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Word {
    pub(crate) fn closed(generation: u64, watched: bool) -> Self {
        Self(generation << 3 | if watched { WATCHED } else { 0 } | CLOSED)
    }

    /// What the clock of any moment shows fits: seconds of 32 bits are 136 years.
    pub(crate) fn open(until: Duration) -> Self {
        let seconds = until.as_secs().min(u64::from(u32::MAX));
        Self(seconds << 32 | u64::from(until.subsec_nanos()) << 2 | OPEN)
    }

    pub(crate) fn ask() -> Self {
        Self(ASK)
    }
}

impl Ticket {
    pub(crate) fn closed(generation: u64) -> Self {
        Self { word: Word::closed(generation, false).0 }
    }

    pub(crate) fn probe(number: u64) -> Self {
        Self { word: number << 3 | ASK }
    }

    pub(crate) fn number(self) -> u64 {
        self.word >> 3
    }
}

impl Gate {
    pub(crate) fn new(word: Word) -> Self {
        Self { word: AtomicU64::new(word.0) }
    }

    /// Only under the machine's lock.
    pub(crate) fn publish(&self, word: Word) {
        self.word.store(word.0, Ordering::Release);
    }

    #[inline]
    pub(crate) fn look(&self) -> Way {
        let word = self.word.load(Ordering::Acquire);
        match word & TAG {
            CLOSED => Way::Admit(Ticket { word: word & !WATCHED }),
            OPEN => Way::OpenUntil(Duration::new(word >> 32, word as u32 >> 2)),
            _ => Way::Ask,
        }
    }

    /// Whether the breaker is closed since before the permit was given, and a success, or a call
    /// that is ignored, leaves it just as it is.
    #[inline]
    pub(crate) fn is_indifferent_to(&self, ticket: Ticket) -> bool {
        self.word.load(Ordering::Acquire) == ticket.word
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::moment::{LAST, reading};

    #[test]
    fn the_word_says_what_was_published() {
        let gate = Gate::new(Word::closed(7, false));
        let ticket = Ticket::closed(7);
        assert_eq!(gate.look(), Way::Admit(ticket));
        assert!(gate.is_indifferent_to(ticket));
        gate.publish(Word::closed(7, true));
        assert_eq!(gate.look(), Way::Admit(ticket));
        assert!(!gate.is_indifferent_to(ticket));
        for until in [reading(LAST), Duration::ZERO, Duration::new(1, 999_999_999)] {
            gate.publish(Word::open(until));
            assert_eq!(gate.look(), Way::OpenUntil(until));
        }
        gate.publish(Word::ask());
        assert_eq!(gate.look(), Way::Ask);
    }

    #[test]
    fn a_probes_ticket_never_passes_for_one_of_a_closed_breaker() {
        let gate = Gate::new(Word::closed(9, false));
        assert!(!gate.is_indifferent_to(Ticket::probe(9)));
        assert_eq!(Ticket::probe(9).number(), Ticket::closed(9).number());
    }
}
