//! Many runs as the few figures that a table and a plot show.

use serde::Serialize;

use super::arm::Arm;
use super::idea::Complexity;
use super::interval::{Share, number};
use super::outcome::{Ending, Outcome};
use super::weather::Correlation;

/// What a call of a real model is taken to last, where time saved is told: the simulated ones
/// answer at once.
pub(crate) const SECONDS_A_CALL: usize = 30;

/// The runs of one arm with ideas of one complexity, or of all.
#[derive(Serialize, Clone, Debug)]
pub(crate) struct Row {
    pub(crate) correlation: Correlation,
    pub(crate) arm: Arm,
    /// None is all of them together.
    pub(crate) complexity: Option<Complexity>,
    pub(crate) runs: usize,
    /// Runs whose every milestone has its commit, with 95 % intervals.
    pub(crate) done: Share,
    /// The same after the first process.
    pub(crate) done_at_first: Share,
    pub(crate) endings: Vec<Count>,
    /// Done, but a template answered somewhere.
    pub(crate) by_template: usize,
    /// Per run, up to where nothing goes on by itself.
    pub(crate) calls: f64,
    pub(crate) processes: f64,
    pub(crate) questions: usize,
    /// How often a person would have had to start a run again until it was done, per run.
    pub(crate) manual: f64,
    /// Runs that were not done after as many starts as were tried.
    pub(crate) never_done: usize,
    /// Milestones that were accepted without all of their items.
    pub(crate) accepted: usize,
    pub(crate) attempts_kept: usize,
    /// At the assumed length of a call.
    pub(crate) seconds_saved: usize,
}

/// How many runs ended so, with its 95 % interval.
#[derive(Serialize, Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) ending: Ending,
    pub(crate) count: usize,
    #[serde(flatten)]
    pub(crate) share: Share,
}

impl Row {
    pub(crate) fn count(&self, ending: Ending) -> usize {
        self.endings.iter().find(|count| count.ending == ending).map_or(0, |count| count.count)
    }

    /// In the words of the table.
    pub(crate) fn ideas(&self) -> &'static str {
        self.complexity.map_or("all", Complexity::name)
    }

    fn of(at: (Correlation, Arm, Option<Complexity>), outcomes: &[&Outcome]) -> Self {
        let (correlation, arm, complexity) = at;
        let runs = outcomes.len();
        let count = |test: &dyn Fn(&Outcome) -> bool| {
            outcomes.iter().filter(|outcome| test(outcome)).count()
        };
        let sum = |of: &dyn Fn(&Outcome) -> usize| {
            outcomes.iter().map(|outcome| of(outcome)).sum::<usize>()
        };
        let mean = |sum: usize| (number(sum) / number(runs.max(1)) * 100.0).round() / 100.0;
        let calls = |outcome: &Outcome| usize::try_from(outcome.calls).unwrap_or(usize::MAX);
        let ending = |ending| {
            let count = count(&|outcome| outcome.ending == ending);
            Count { ending, count, share: Share::of(count, runs) }
        };
        let attempts_kept = sum(&|outcome| outcome.told.attempts_kept);
        Self {
            correlation,
            arm,
            complexity,
            runs,
            done: Share::of(count(&|outcome| outcome.ending.is_done()), runs),
            done_at_first: Share::of(count(&|outcome| outcome.first.is_done()), runs),
            endings: Ending::ALL.map(ending).to_vec(),
            by_template: count(&|outcome| outcome.ending.is_done() && outcome.by_template),
            calls: mean(sum(&calls)),
            processes: mean(sum(&|outcome| outcome.processes)),
            questions: sum(&|outcome| outcome.told.questions),
            manual: mean(sum(&|outcome| outcome.manual)),
            never_done: count(&|outcome| outcome.never_done),
            accepted: sum(&|outcome| outcome.told.accepted),
            attempts_kept,
            seconds_saved: attempts_kept * SECONDS_A_CALL,
        }
    }
}

/// A row for each arm, all complexities together and each by itself, in the order of the table.
pub(crate) fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut arms: Vec<(Correlation, Arm)> =
        outcomes.iter().map(|outcome| (outcome.correlation, outcome.arm)).collect();
    arms.sort_unstable();
    arms.dedup();
    let wanted = [None].into_iter().chain(Complexity::ALL.map(Some));
    let rows = arms.into_iter().flat_map(|(correlation, arm)| {
        wanted.clone().map(move |complexity| (correlation, arm, complexity))
    });
    let rows = rows.map(|at| {
        let is_in = |outcome: &&Outcome| {
            (outcome.correlation, outcome.arm) == (at.0, at.1)
                && at.2.is_none_or(|complexity| complexity == outcome.complexity)
        };
        let of_row: Vec<&Outcome> = outcomes.iter().filter(is_in).collect();
        Row::of(at, &of_row)
    });
    rows.filter(|row| row.runs > 0).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::outcome::Told;
    use super::*;

    pub(crate) fn outcome(arm: Arm, number: usize, ending: Ending) -> Outcome {
        Outcome {
            arm,
            correlation: Correlation::Independent,
            complexity: Complexity::of_run(number),
            number,
            first: ending,
            ending,
            by_template: false,
            processes: 1,
            calls: 10,
            manual: 0,
            never_done: false,
            calls_until_done: 10,
            told: Told::default(),
        }
    }

    #[test]
    fn each_arm_has_a_row_for_all_and_one_for_each_complexity() {
        let outcomes: Vec<Outcome> = [Arm::Everything, Arm::None]
            .into_iter()
            .flat_map(|arm| (0..6).map(move |number| outcome(arm, number, Ending::Completed)))
            .collect();
        let rows = rows(&outcomes);
        let heads: Vec<(Arm, &str, usize)> =
            rows.iter().map(|row| (row.arm, row.ideas(), row.runs)).collect();
        let of =
            |arm| [(arm, "all", 6), (arm, "simple", 2), (arm, "medium", 2), (arm, "complex", 2)];
        assert_eq!(heads, [of(Arm::None), of(Arm::Everything)].concat());
    }

    #[test]
    fn figures_are_counts_means_and_shares() {
        let mut outcomes: Vec<Outcome> =
            (0..4).map(|number| outcome(Arm::None, number, Ending::Completed)).collect();
        outcomes[1].ending = Ending::Failed;
        outcomes[1].first = Ending::Failed;
        outcomes[1].manual = 3;
        outcomes[2].ending = Ending::Partial;
        outcomes[2].told = Told { questions: 1, accepted: 1, attempts_kept: 4 };
        let row = &rows(&outcomes)[0];
        assert_eq!(row.done, Share::of(3, 4));
        assert_eq!(row.done_at_first, Share::of(3, 4));
        let counts: Vec<usize> = Ending::ALL.iter().map(|ending| row.count(*ending)).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 1]);
        assert_eq!((row.manual, row.calls, row.questions), (0.75, 10.0, 1));
        assert_eq!((row.attempts_kept, row.seconds_saved), (4, 120));
    }
}
