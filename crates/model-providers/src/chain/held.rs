//! Rejected answers that are not yet held against their model.
//!
//! One request that no model can answer would open every breaker of the chain. So the permit of a
//! rejected answer is kept until the next model was asked: what fails alike on two models is the
//! request's fault. Time-outs and broken connections are not: in an outage everything fails alike.

use circuit_breaker::{OwnedPermit as Permit, Recorded};

use crate::clock::Clock;

/// The permit of the last rejected answer, with what its rejection was like.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: Option<(Permit<Clock>, String)>,
    /// A rejection that two models shared.
    shared: Option<String>,
}

impl Held {
    /// An answer was rejected.
    pub(super) fn rejected(&mut self, permit: Permit<Clock>, likeness: &str) {
        if self.shared.as_deref() == Some(likeness) {
            report(permit.ignore());
            return;
        }
        match self.waiting.take() {
            Some((earlier, alike)) if alike == likeness => {
                report(earlier.ignore());
                report(permit.ignore());
                self.shared = Some(alike);
            }
            earlier => {
                if let Some((earlier, _)) = earlier {
                    report(earlier.failure());
                }
                self.waiting = Some((permit, likeness.to_owned()));
            }
        }
    }

    /// Another model did better, or failed in another way, or there is none left.
    pub(super) fn settle(&mut self) {
        if let Some((permit, _)) = self.waiting.take() {
            report(permit.failure());
        }
    }
}

/// A visit that outlived its breaker's state changes nothing there, which is as it should be.
pub(super) fn report(recorded: Recorded) {
    if recorded == Recorded::Stale {
        tracing::debug!("a visit ended after its breaker had moved on");
    }
}

#[cfg(test)]
mod tests {
    use circuit_breaker::{CircuitBreaker, Settings};

    use super::*;

    fn after(likenesses: &[&str]) -> Vec<u32> {
        let mut held = Held::default();
        let mut breakers = Vec::new();
        for likeness in likenesses {
            let breaker = CircuitBreaker::new(Settings::default(), Clock::new());
            held.rejected(breaker.try_acquire_owned().unwrap(), likeness);
            breakers.push(breaker);
        }
        held.settle();
        breakers.iter().map(|one| one.status().failures).collect()
    }

    /// Trap 19: one poisoned request does not open every breaker.
    #[test]
    fn what_fails_alike_on_two_models_is_held_against_neither() {
        assert_eq!(after(&["a"]), [1]);
        assert_eq!(after(&["a", "a"]), [0, 0]);
        assert_eq!(after(&["a", "a", "a"]), [0, 0, 0]);
        assert_eq!(after(&["a", "b"]), [1, 1]);
        assert_eq!(after(&["a", "b", "b"]), [1, 0, 0]);
        assert_eq!(after(&["a", "a", "b"]), [0, 0, 1]);
    }
}
