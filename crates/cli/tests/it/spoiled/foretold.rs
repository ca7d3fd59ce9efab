//! The rules of partial success once more, as plainly as they can be put: what
//! a run must come to, told from the coin alone. It shares no code with belay.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{self, Coin, FIX_ROUNDS, Fate, MILESTONE_RETRIES, MILESTONES};

type Paths = BTreeSet<&'static str>;

/// How a milestone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Pending,
    Committed,
    GivenUp(&'static str),
}

/// Where a run stands, and every turn that it took.
#[derive(Debug)]
pub(crate) struct Foretold {
    /// None: no coder fails.
    coin: Option<Coin>,
    askings: BTreeMap<&'static str, usize>,
    /// The files on the branch.
    pub(crate) there: Paths,
    pub(crate) standing: [Standing; 3],
    /// What committed milestones lack.
    pub(crate) missing: [Paths; 3],
    /// Issues that a person closed.
    pub(crate) closed: Paths,
    /// Rests that were begun, whatever became of them.
    rests: usize,
    /// The turns of the last process's work, as [`super::found::turns`] reads them from events.
    pub(crate) turns: Vec<String>,
    /// What coders were sent.
    pub(crate) requests: u64,
    pub(crate) status: &'static str,
}

/// One asking for several files.
struct Asked {
    done: Paths,
    failed: Paths,
    /// Every failed one failed for want of a model.
    want: bool,
}

impl Foretold {
    pub(crate) fn new(coin: Coin) -> Self {
        Self {
            coin: Some(coin),
            askings: BTreeMap::new(),
            there: Paths::new(),
            standing: [Standing::Pending; 3],
            missing: Default::default(),
            closed: Paths::new(),
            rests: 0,
            turns: Vec::new(),
            requests: 0,
            status: "",
        }
    }

    /// Works until the run ends.
    pub(crate) fn work(&mut self) {
        let given_up = (0..3).find_map(|index| self.milestone(index));
        // Where no model could be had nobody is asked once more.
        if given_up != Some("degraded") {
            (0..3).for_each(|index| self.rest(index));
        }
        self.status = given_up.unwrap_or("completed");
        self.turns.push(format!("{}, partial: {}", self.status, self.partial()));
    }

    /// Works once more, later: with models that do nothing wrong, and first on what is open
    /// from before.
    pub(crate) fn work_again(&mut self) {
        self.coin = None;
        self.turns.clear();
        self.requests = 0;
        self.standing
            .iter_mut()
            .filter(|standing| **standing != Standing::Committed)
            .for_each(|standing| *standing = Standing::Pending);
        (0..3).for_each(|index| self.rest(index));
        let given_up = (0..3).find_map(|index| self.milestone(index));
        self.status = given_up.unwrap_or("completed");
        self.turns.push(format!("{}, partial: {}", self.status, self.partial()));
    }

    pub(crate) fn partial(&self) -> bool {
        self.missing.iter().any(|missing| !missing.is_empty())
    }

    fn ask(&mut self, paths: &Paths) -> Asked {
        let mut asked = Asked { done: Paths::new(), failed: Paths::new(), want: true };
        for path in paths {
            let asking = self.askings.entry(*path).or_default();
            let fate = self.coin.map_or_else(Fate::default, |coin| coin.fate(path, *asking));
            *asking += 1;
            self.requests += fate.requests();
            if fate.succeeds() {
                asked.done.insert(*path);
            } else {
                asked.failed.insert(*path);
                asked.want &= fate.is_want();
            }
        }
        asked
    }

    /// Of these files those that do not work beside what is on the branch.
    fn broken(&self, new: &Paths) -> Paths {
        let there = |path: &str| self.there.contains(path) || new.contains(path);
        let broken = |file: &&fixture::Planned| {
            there(file.path) && file.needs.is_some_and(|needs| !there(needs))
        };
        fixture::files().filter(broken).map(|file| file.path).collect()
    }

    /// A milestone with its tries; gives the status that it ends the run with, if it does.
    fn milestone(&mut self, index: usize) -> Option<&'static str> {
        if self.standing[index] == Standing::Committed {
            return None;
        }
        let number = index + 1;
        let all: Paths = MILESTONES[index].files.iter().map(|file| file.path).collect();
        for tries_left in (0..=MILESTONE_RETRIES).rev() {
            let asked = self.ask(&all);
            let (done, total) = (asked.done.len(), all.len());
            let enough = done * 2 >= total;
            if enough {
                self.told_partial(number, &asked);
            }
            let red = enough && self.is_red(number, &asked.done);
            if enough && !red {
                self.commit(number, &asked);
                self.standing[index] = Standing::Committed;
                self.missing[index] = asked.failed;
                return None;
            }
            // What is red as a whole is mended; what is red or too little without its failed
            // items is tried again, as often as may be.
            let whole = asked.failed.is_empty();
            let outcome = match (whole, tries_left) {
                (false, 1..) => {
                    self.turns.push(format!("{number} back, {done} of {total}, again"));
                    continue;
                }
                _ => {
                    let unmendable = red && self.mend(number, &asked.done);
                    let want = unmendable || (!whole && asked.want);
                    if want { "degraded" } else { "blocked" }
                }
            };
            self.turns.push(format!("{number} back, {done} of {total}, {outcome}"));
            self.standing[index] = Standing::GivenUp(outcome);
            return Some(outcome);
        }
        None
    }

    /// What a partial milestone lacks, once more; it changes nothing unless it is green.
    fn rest(&mut self, index: usize) {
        let open: Paths = self.missing[index].difference(&self.closed).copied().collect();
        if open.is_empty() {
            return;
        }
        self.rests += 1;
        let number = 3 + self.rests;
        let listed: Vec<&str> = MILESTONES[index]
            .files
            .iter()
            .map(|file| file.path)
            .filter(|path| open.contains(path))
            .collect();
        self.turns.push(format!("{number} is the rest of {}: {}", index + 1, listed.join(" ")));
        let asked = self.ask(&open);
        if !asked.done.is_empty() {
            self.told_partial(number, &asked);
            if !self.is_red(number, &asked.done) {
                self.commit(number, &asked);
                self.missing[index].retain(|path| !asked.done.contains(path));
                return;
            }
            if asked.failed.is_empty() {
                self.mend(number, &asked.done);
            }
        }
        self.turns.push(format!("{number} dropped"));
    }

    /// The coders of what does not work are told; what they need is still not there. Gives whether
    /// no model could be had for it.
    fn mend(&mut self, number: usize, done: &Paths) -> bool {
        let mut want = true;
        for _ in 0..FIX_ROUNDS {
            let broken = self.broken(done);
            let asked = self.ask(&broken);
            want &= asked.done.is_empty() && asked.want;
            if !asked.done.is_empty() {
                self.is_red(number, done);
            }
        }
        want
    }

    fn is_red(&mut self, number: usize, new: &Paths) -> bool {
        let red = !self.broken(new).is_empty();
        self.turns.push(format!("{number} {}", if red { "red" } else { "green" }));
        red
    }

    fn told_partial(&mut self, number: usize, asked: &Asked) {
        let (done, total) = (asked.done.len(), asked.done.len() + asked.failed.len());
        if done < total {
            let (percent, word) = match (done, total) {
                (2, 3) => (67, "most"),
                (3, 4) => (75, "most"),
                (1, 2) => (50, "half"),
                (2, 4) => (50, "half"),
                // Only a rest goes on with so little.
                (1, 3) => (33, "few"),
                (1, 4) => (25, "few"),
                other => unreachable!("no milestone is like this: {other:?}"),
            };
            self.turns.push(format!("{number} partial, {percent} %, {word}"));
        }
    }

    fn commit(&mut self, number: usize, asked: &Asked) {
        self.there.extend(&asked.done);
        let partial = !asked.failed.is_empty();
        self.turns.push(format!("{number} committed, partial: {partial}"));
    }
}
