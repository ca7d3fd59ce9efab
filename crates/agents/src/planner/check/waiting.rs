//! Milestones that wait for a person's answer.
//!
//! What does not depend on an open question shall go on, and nothing that does may slip in before its
//! answer. A model says which is which; that what builds on a waiting milestone waits too is not left
//! to it.

use std::collections::BTreeSet;

use crate::answers::Milestone;

/// Marks what builds on the files of a waiting milestone, and puts all that waits last, in the plan's
/// order. With nothing asked nothing waits.
pub(super) fn settle(milestones: &mut [Milestone], asked: bool) {
    if !asked {
        milestones.iter_mut().for_each(|milestone| milestone.waits_for_answer = None);
        return;
    }
    let mut awaited: BTreeSet<String> = BTreeSet::new();
    for milestone in milestones.iter_mut() {
        let named = milestone.files.iter().chain(&milestone.read);
        if named.into_iter().any(|path| awaited.contains(path)) {
            milestone.waits_for_answer = Some(true);
        }
        if milestone.waits_for_answer == Some(true) {
            awaited.extend(milestone.files.iter().cloned());
        }
    }
    milestones.sort_by_key(|milestone| milestone.waits_for_answer == Some(true));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Files;

    fn milestone(name: &str, create: &str, read: &str, waits: Option<bool>) -> Milestone {
        let own = |paths: &str| paths.split_whitespace().map(str::to_owned).collect();
        Milestone {
            name: name.to_owned(),
            files: Files { create: own(create), ..Files::default() },
            read: own(read),
            waits_for_answer: waits,
            ..Milestone::default()
        }
    }

    fn plan() -> Vec<Milestone> {
        vec![
            milestone("asks", "a.rs", "", Some(true)),
            milestone("free", "b.rs", "z.rs", Some(false)),
            milestone("writes what waits", "c.rs a.rs", "", Some(false)),
            milestone("reads what waits", "d.rs", "c.rs", None),
            milestone("silent", "e.rs", "b.rs", None),
        ]
    }

    #[test]
    fn what_builds_on_a_waiting_milestone_waits_and_comes_last() {
        let mut milestones = plan();
        settle(&mut milestones, true);
        let settled: Vec<_> = milestones
            .iter()
            .map(|milestone| (milestone.name.as_str(), milestone.waits_for_answer))
            .collect();
        assert_eq!(
            settled,
            [
                ("free", Some(false)),
                ("silent", None),
                ("asks", Some(true)),
                ("writes what waits", Some(true)),
                ("reads what waits", Some(true)),
            ]
        );
        let once = milestones.clone();
        settle(&mut milestones, true);
        assert_eq!(milestones, once);
    }

    #[test]
    fn without_a_question_nothing_waits() {
        let mut milestones = plan();
        settle(&mut milestones, false);
        assert!(milestones.iter().all(|milestone| milestone.waits_for_answer.is_none()));
        assert_eq!(milestones[0].name, "asks");
    }
}
