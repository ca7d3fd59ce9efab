//! The figures as a table. Medians, since a machine that also does something else gives a few
//! slow rounds that say nothing about belay; beside them the best and the worst.

use std::fmt;
use std::time::Duration;

use crate::belay::{GAPS, Whole};
use crate::git_calls::Traced;
use crate::rivals::Processes;

/// The greatest wall time that is meant to be, in critical paths.
const AIM: f64 = 1.15;

/// One contender in one round.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// The critical path of the calls to models, as their server saw them.
    pub(crate) critical: Duration,
}

impl Measured {
    /// What the wall time has above the models' answers.
    fn own(&self) -> Duration {
        self.wall.saturating_sub(self.critical)
    }

    fn ratio(&self) -> f64 {
        self.wall.as_secs_f64() / self.critical.as_secs_f64()
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) belay: Vec<Whole>,
    pub(crate) floor: Vec<Measured>,
    pub(crate) naive: Vec<Measured>,
    pub(crate) naive_parallel: Vec<Measured>,
    pub(crate) calls: Traced,
    pub(crate) processes: Option<Processes>,
}

/// The one in the middle; zero of none.
pub(crate) fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        machine(f)?;
        self.contenders(f)?;
        self.gaps(f)?;
        self.milestones(f)?;
        self.git(f)
    }
}

impl Figures {
    fn contenders(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.belay.len();
        writeln!(
            f,
            "\nmedians of {rounds} rounds; ratio: wall time over critical path, aim {AIM}"
        )?;
        writeln!(
            f,
            "{:<32} {:>11} {:>13} {:>6} {:>13} {:>10}",
            "", "wall", "critical path", "ratio", "min to max", "own time"
        )?;
        let belay: Vec<&Measured> = self.belay.iter().map(|whole| &whole.measured).collect();
        contender(f, "belay", &belay)?;
        contender(f, "floor: the requests alone", &self.floor.iter().collect::<Vec<_>>())?;
        let parallel: Vec<&Measured> = self.naive_parallel.iter().collect();
        contender(f, "naive loop, coders at once", &parallel)?;
        contender(f, "naive loop, coders in turn", &self.naive.iter().collect::<Vec<_>>())
    }

    fn gaps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<66} {:>10} {:>5}", "belay's own time", "median", "git")?;
        for (index, name) in GAPS.iter().enumerate() {
            let times = self.belay.iter().filter_map(|whole| whole.gaps.get(index).copied());
            let gits = self.calls.by_gap.get(index).copied().unwrap_or_default();
            writeln!(f, "{name:<66} {:>10} {gits:>5}", ms(median(times)))?;
        }
        let skew = median(self.belay.iter().map(|whole| whole.skew));
        let waiting = self.calls.while_waiting;
        writeln!(
            f,
            "{:<66} {:>10} {waiting:>5}",
            "within the phases: coders do not start as one",
            ms(skew)
        )?;
        let tests = median(self.belay.iter().map(|whole| whole.tests));
        writeln!(f, "{:<66} {:>10}", "of all this the project's tests, four times", ms(tests))?;
        let events = self.belay.first().map_or(0, |whole| whole.events);
        writeln!(f, "{:<66} {events:>10}", "rows of the journal, each durable before the next step")
    }

    fn milestones(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |number: usize| {
            ms(median(self.belay.iter().filter_map(|whole| whole.milestones().nth(number))))
        };
        writeln!(
            f,
            "\nbelay's own time per milestone: {}, {}, {} (the third with the end of the run)",
            of(0),
            of(1),
            of(2)
        )
    }

    fn git(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} git processes in one run, with git's own time in them",
            self.calls.total()
        )?;
        let mut names: Vec<_> = self.calls.by_name.iter().collect();
        names.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (name, (count, elapsed)) in names {
            writeln!(f, "  {name:<20} {count:>4} {:>10}", ms(*elapsed))?;
        }
        let Some(processes) = &self.processes else { return Ok(()) };
        let (plain, watched) = (ms(processes.plain), ms(processes.watched));
        write!(f, "a git that does nothing: {plain}; started and watched by belay: {watched}")
    }
}

fn contender(f: &mut fmt::Formatter<'_>, name: &str, rounds: &[&Measured]) -> fmt::Result {
    let mut ratios: Vec<f64> = rounds.iter().map(|round| round.ratio()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    let (least, most) = ratios.first().zip(ratios.last()).unwrap_or((&0.0, &0.0));
    writeln!(
        f,
        "{name:<32} {:>11} {:>13} {ratio:>6.3} {:>13} {:>10}",
        ms(median(rounds.iter().map(|round| round.wall))),
        ms(median(rounds.iter().map(|round| round.critical))),
        format!("{least:.3}-{most:.3}"),
        ms(median(rounds.iter().map(|round| round.own())))
    )
}

/// What the figures depend on most; what cannot be read is left out.
fn machine(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (os, kernel) = (std::env::consts::OS, read("/proc/sys/kernel/osrelease"));
    writeln!(f, "\n{cores} cores, {os} {kernel}, load {}", read("/proc/loadavg"))
}
