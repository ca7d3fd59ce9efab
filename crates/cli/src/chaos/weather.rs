//! What goes wrong in a run: which faults, how often, and which of them together. It hangs on the
//! seed, the run and the process, and on what is asked; never on who asks first, nor on the arm,
//! so every arm meets the same faults as far as it asks the same questions.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use simulated_models::{Chance, Fault, ModelScript, Script, Step, Weighted};

use super::idea::{self, Complexity};

const PROVIDERS: [&str; 3] = ["a", "b", "c"];
const ROLES: [&str; 3] = ["planner", "coder", "reviewer"];
/// Of the calls for one question, so many may meet one storm.
const LONGEST_STORM: u64 = 6;
/// An outage of all lasts for the rest of the first process, and at most so many more.
const LONGEST_OUTAGE: u64 = 3;

/// Which faults happen.
#[derive(ValueEnum, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mix {
    /// Everything below.
    All,
    /// Errors of servers, resets, answers that break off or hang.
    Network,
    /// Rate limits.
    Limits,
    /// Answers that are no good: prose, another shape, half of it, placeholders, refusals.
    Content,
}

/// What happens together.
#[derive(ValueEnum, Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Correlation {
    /// Nothing: each call fails by itself.
    Independent,
    /// Besides, one of the three providers is down all the time.
    ProviderOut,
    /// Besides, every model is down from some point of the first process on, for up to three more.
    AllOut,
    /// Besides, a provider limits the rate of all calls for a while, again and again.
    Storms,
    /// Each call that would fail is slow instead, or too slow.
    Slow,
}

impl Correlation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::ProviderOut => "provider-out",
            Self::AllOut => "all-out",
            Self::Storms => "storms",
            Self::Slow => "slow",
        }
    }

    /// In the words of the table.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Self::Independent => "each call fails by itself",
            Self::ProviderOut => "one provider of three is down all the time",
            Self::AllOut => "all models are down for a part of the run",
            Self::Storms => "storms of rate limits",
            Self::Slow => "slow answers instead of failures",
        }
    }
}

/// The weather of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) seed: u64,
    /// The run, counted from 0.
    pub(crate) run: u64,
    pub(crate) in_thousand: u16,
    pub(crate) mix: Mix,
    pub(crate) correlation: Correlation,
    pub(crate) complexity: Complexity,
}

impl Weather {
    /// What the models do while the run's `process`-th process works, counted from 0.
    pub(crate) fn script(&self, process: u64) -> Script {
        let script = Script::default().with_answers(self.complexity.answers());
        let named = PROVIDERS.iter().flat_map(|provider| ROLES.map(|role| (*provider, role)));
        named.fold(script, |script, (provider, role)| {
            let steps = self.steps(process, provider);
            let model = ModelScript::steps(steps).with_chance(self.chance(process));
            script.and_model(format!("{provider}-{role}"), model)
        })
    }

    fn chance(&self, process: u64) -> Chance {
        let mix = if self.correlation == Correlation::Slow { slow() } else { self.mix.faults() };
        Chance {
            seed: self.number("chance", process),
            in_thousand: self.in_thousand,
            mix,
            ..Chance::default()
        }
    }

    /// What comes before chance.
    fn steps(&self, process: u64, provider: &str) -> Vec<Step> {
        let down = || Step::always(Fault::status(503));
        match self.correlation {
            Correlation::Independent | Correlation::Slow => Vec::new(),
            Correlation::ProviderOut => {
                let out = self.number("out", 0) % 3;
                let is_out =
                    PROVIDERS.iter().zip(0..).any(|(name, n)| *name == provider && n == out);
                if is_out { vec![down()] } else { Vec::new() }
            }
            Correlation::AllOut if process == 0 => self.out_from().map_or_else(
                || vec![down()],
                |first| self.about(first, |path| Step::path(path, Fault::status(503))),
            ),
            Correlation::AllOut if process <= self.outage() => vec![down()],
            Correlation::AllOut => Vec::new(),
            Correlation::Storms => self.storms(process, provider),
        }
    }

    /// The milestone whose first question meets the outage of all; none if the plan's does.
    fn out_from(&self) -> Option<usize> {
        let stages = u64::try_from(self.complexity.milestones()).unwrap_or(u64::MAX);
        let stage = self.number("from", 0) % (stages + 1);
        usize::try_from(stage).ok().filter(|stage| *stage > 0)
    }

    /// For how many processes after the first all are down.
    fn outage(&self) -> u64 {
        1 + self.number("outage", 0) % LONGEST_OUTAGE
    }

    /// A step for each file of the milestones from this one on.
    fn about(&self, first: usize, step: impl Fn(String) -> Step) -> Vec<Step> {
        (first..=self.complexity.milestones()).flat_map(idea::files).map(step).collect()
    }

    /// Each stage of the run, planning, each milestone, reviewing, may meet a storm of this
    /// provider's; then the first calls of all its questions do.
    fn storms(&self, process: u64, provider: &str) -> Vec<Step> {
        let limited = || Fault::rate_limited("0.2");
        let lasts = |stage: &str| {
            let drawn = self.number(&format!("storm {provider} {stage}"), process);
            let comes = drawn % 1000 < u64::from(self.in_thousand);
            comes.then_some(1 + (drawn / 1000) % LONGEST_STORM)
        };
        let asked = [("plan", "analysis"), ("plan", "plan"), ("review", "review")];
        let asked = asked.into_iter().filter_map(|(stage, schema)| {
            Some(Step::schema(schema, limited()).in_calls(..=lasts(stage)?))
        });
        let milestones = (1..=self.complexity.milestones()).filter_map(|milestone| {
            let calls = lasts(&milestone.to_string())?;
            let step = move |path| Step::path(path, limited()).in_calls(..=calls);
            Some(idea::files(milestone).map(step))
        });
        asked.chain(milestones.flatten()).collect()
    }

    /// A number that looks random, for one use of it.
    fn number(&self, what: &str, process: u64) -> u64 {
        let mut number = mixed(self.seed);
        for part in [self.run, process].into_iter().chain(what.bytes().map(u64::from)) {
            number = mixed(number ^ part);
        }
        number
    }
}

impl Mix {
    fn faults(self) -> Vec<Weighted> {
        let network = [
            (4, Fault::status(503)),
            (1, Fault::status(500)),
            (2, Fault::ResetBeforeHeaders),
            (2, Fault::Cut { after_chunks: 2 }),
            (1, Fault::ErrorEvent { after_chunks: 1 }),
            (1, Fault::Stall { after_chunks: 1 }),
        ];
        let limits = [(3, Fault::rate_limited("0.2"))];
        let content = [
            (2, Fault::NotJson),
            (1, Fault::WrongSchema),
            (1, Fault::CutOff),
            (1, Fault::Empty),
            (2, Fault::Placeholder),
            (1, Fault::Refusal),
        ];
        let chosen = match self {
            Self::All => network.into_iter().chain(limits).chain(content).collect(),
            Self::Network => network.to_vec(),
            Self::Limits => limits.to_vec(),
            Self::Content => content.to_vec(),
        };
        chosen.into_iter().map(weighted).collect()
    }
}

/// Two of three are within what a model may take, the third is silent for longer.
fn slow() -> Vec<Weighted> {
    let within = Fault::AnswerAfter { delay: Duration::from_millis(300) };
    [(2, within), (1, Fault::Stall { after_chunks: 0 })].map(weighted).to_vec()
}

fn weighted((weight, fault): (u32, Fault)) -> Weighted {
    Weighted { weight, fault }
}

/// Splitmix64.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(correlation: Correlation, run: u64) -> Weather {
        let complexity = Complexity::Medium;
        Weather { seed: 1, run, in_thousand: 200, mix: Mix::All, correlation, complexity }
    }

    #[test]
    fn the_same_seed_gives_the_same_weather_and_another_one_another() {
        for correlation in Correlation::value_variants() {
            let script =
                |seed, run, process| Weather { seed, ..weather(*correlation, run) }.script(process);
            assert_eq!(script(1, 3, 0), script(1, 3, 0));
            assert_ne!(script(1, 3, 0), script(2, 3, 0));
            assert_ne!(script(1, 3, 0), script(1, 4, 0));
            assert_ne!(script(1, 3, 0), script(1, 3, 1));
        }
    }

    #[test]
    fn one_provider_is_out_all_the_time_and_each_of_them_in_some_run() {
        let out = |run, process| {
            let script = weather(Correlation::ProviderOut, run).script(process);
            let out = script.models.iter().filter(|(_, model)| !model.steps.is_empty());
            out.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let mut seen = std::collections::BTreeSet::new();
        for run in 0..20 {
            let first = out(run, 0);
            assert_eq!(first.len(), ROLES.len());
            assert_eq!(first, out(run, 5));
            seen.extend(first);
        }
        assert_eq!(seen.len(), PROVIDERS.len() * ROLES.len());
    }

    #[test]
    fn all_are_out_for_a_while_and_come_back() {
        for run in 0..20 {
            let weather = weather(Correlation::AllOut, run);
            let steps = |process| -> Vec<usize> {
                weather.script(process).models.values().map(|model| model.steps.len()).collect()
            };
            assert!(steps(0).iter().all(|steps| *steps > 0));
            assert!(steps(1).iter().all(|steps| *steps == 1));
            assert!(steps(LONGEST_OUTAGE + 1).iter().all(|steps| *steps == 0));
        }
    }

    #[test]
    fn storms_come_as_often_as_the_rate_says() {
        let count = |run| weather(Correlation::Storms, run).steps(0, "a").len();
        let all: usize = (0..500).map(count).sum();
        // 2 + 1 + 3 times 3 questions, each with one chance of five.
        assert!((1000..1400).contains(&all), "{all}");
    }

    #[test]
    fn every_mix_has_something_in_it() {
        for mix in Mix::value_variants() {
            assert!(mix.faults().iter().all(|one| one.weight > 0), "{mix:?}");
            assert!(!mix.faults().is_empty(), "{mix:?}");
        }
    }
}
