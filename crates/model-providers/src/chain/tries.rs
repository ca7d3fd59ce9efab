//! Whether a model is asked once more within the same visit.
//!
//! Retries that each kind of failure grants for itself add up; here they share one bound.

use std::time::Duration;

use crate::failure::Failure;
use crate::{Class, Failover, jitter};

const LEAST_PAUSE: Duration = Duration::from_millis(50);
const MOST_PAUSE: Duration = Duration::from_millis(500);

/// What follows a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The model is left.
    No,
    /// The same question after a pause.
    After(Duration),
    /// The question with what was wrong with the answer.
    Repair,
}

/// What one visit still has to give: one more try, or as many as may be spent on repairs; and of
/// each other kind only one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tries {
    left: u32,
    repairs: u32,
    reconnects: u32,
    waits: u32,
}

impl Tries {
    /// A probe is one call: where a model has been down, once more at once is of no use.
    pub(super) fn new(failover: &Failover, is_probe: bool) -> Self {
        Self {
            left: failover.repair_attempts.max(1),
            repairs: failover.repair_attempts,
            reconnects: u32::from(!is_probe),
            waits: 1,
        }
    }

    /// `time_left` is the visit's.
    pub(super) fn after(
        &mut self,
        failure: &Failure,
        failover: &Failover,
        time_left: Duration,
    ) -> Again {
        let (again, of_this_kind) = match failure.class {
            Class::Unavailable if !failure.refused_connection => {
                let pause = jitter::between(LEAST_PAUSE, MOST_PAUSE);
                (Again::After(pause), &mut self.reconnects)
            }
            Class::RateLimited => match failure.retry_after {
                Some(wait) if wait <= failover.retry_after_wait => {
                    (Again::After(wait), &mut self.waits)
                }
                _ => return Again::No,
            },
            Class::InvalidOutput => (Again::Repair, &mut self.repairs),
            _ => return Again::No,
        };
        let pause = match again {
            Again::After(pause) => pause,
            _ => Duration::ZERO,
        };
        if *of_this_kind == 0 || self.left == 0 || pause >= time_left {
            return Again::No;
        }
        *of_this_kind -= 1;
        self.left -= 1;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn failed(class: Class) -> Failure {
        Failure::new(class, "x")
    }

    fn limited(seconds: u64) -> Failure {
        let mut failure = failed(Class::RateLimited);
        failure.retry_after = Some(Duration::from_secs(seconds));
        failure
    }

    fn after(failures: &[Failure]) -> Vec<&'static str> {
        let failover = Failover::default();
        let mut tries = Tries::new(&failover, false);
        let each = failures.iter().map(|f| match tries.after(f, &failover, MINUTE) {
            Again::No => "no",
            Again::After(_) => "after",
            Again::Repair => "repair",
        });
        each.collect()
    }

    #[test]
    fn each_class_has_its_next_step() {
        let mut refused = failed(Class::Unavailable);
        refused.refused_connection = true;
        let table = [
            (failed(Class::Timeout), "no"),
            (failed(Class::Unavailable), "after"),
            (refused, "no"),
            (limited(3), "after"),
            // Trap 17: a long one is not slept through.
            (limited(4), "no"),
            (failed(Class::RateLimited), "no"),
            (failed(Class::QuotaExhausted), "no"),
            (failed(Class::Auth), "no"),
            (failed(Class::ContextOverflow), "no"),
            (failed(Class::Refused), "no"),
            (failed(Class::InvalidOutput), "repair"),
            (failed(Class::InvalidRequest), "no"),
        ];
        for (failure, expected) in table {
            assert_eq!(after(std::slice::from_ref(&failure)), [expected], "{failure:?}");
        }
    }

    #[test]
    fn a_visit_has_one_or_two_tries() {
        let unavailable = || failed(Class::Unavailable);
        assert_eq!(after(&[unavailable(), unavailable()]), ["after", "no"]);
        assert_eq!(after(&[limited(1), limited(1)]), ["after", "no"]);
        let mixed = [unavailable(), failed(Class::InvalidOutput)];
        assert_eq!(after(&mixed), ["after", "no"]);
    }

    #[test]
    fn a_probe_is_one_call_unless_the_model_is_there() {
        let failover = Failover::default();
        let after = |failure| Tries::new(&failover, true).after(&failure, &failover, MINUTE);
        assert_eq!(after(failed(Class::Unavailable)), Again::No);
        assert_eq!(after(failed(Class::InvalidOutput)), Again::Repair);
    }

    #[test]
    fn repairs_can_be_more_or_none() {
        let mut failover = Failover { repair_attempts: 2, ..Failover::default() };
        let wrong = failed(Class::InvalidOutput);
        let mut tries = Tries::new(&failover, false);
        let steps = [(); 3].map(|()| tries.after(&wrong, &failover, MINUTE));
        assert_eq!(steps, [Again::Repair, Again::Repair, Again::No]);
        failover.repair_attempts = 0;
        let mut tries = Tries::new(&failover, false);
        assert_eq!(tries.after(&wrong, &failover, MINUTE), Again::No);
        let cut = failed(Class::Unavailable);
        assert_ne!(tries.after(&cut, &failover, MINUTE), Again::No);
    }

    #[test]
    fn a_pause_that_uses_up_the_time_is_not_begun() {
        let failover = Failover::default();
        let second = Duration::from_secs(1);
        let again = Tries::new(&failover, false).after(&limited(2), &failover, second);
        assert_eq!(again, Again::No);
    }
}
