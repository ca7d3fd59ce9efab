//! Faults by chance that can be had again: each is drawn from a seed, from what is asked and from
//! how often that was asked before, and from nothing else. A generator that all requests share
//! would give other faults whenever two of them come in another order, and a failing case that
//! cannot be repeated cannot be mended.
use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::asked::Asked;

/// How often a model fails by chance, and in which ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chance {
    /// The same seed gives the same faults, in whatever order requests come.
    pub seed: u64,
    /// Of a thousand draws so many are faults.
    pub in_thousand: u16,
    /// What may happen then. Without any, nothing does.
    pub mix: Vec<Weighted>,
    /// Models of one group draw alike: they fail at the same questions. Without it a model draws
    /// by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// For how many calls of one question a draw holds; 0 is as 1.
    pub lasts: u64,
}

/// A fault and how often it is drawn, measured by the others' weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// Its share.
    pub weight: u32,
    /// What happens.
    pub fault: Fault,
}

/// What tells one question from another: who is asked, for which schema, about which paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    model: String,
    schema: Option<String>,
    paths: Vec<String>,
}

impl Question {
    pub(crate) fn of(asked: &Asked) -> Self {
        let mut paths = asked.paths.clone();
        paths.sort();
        Self { model: asked.model.clone(), schema: asked.schema.clone(), paths }
    }
}

impl Chance {
    /// What happens at the `call`-th request of this question, counted from 1.
    pub(crate) fn draw(&self, question: &Question, call: u64) -> Fault {
        let round = call.saturating_sub(1) / self.lasts.max(1);
        let mut dice = Dice::new(self.seed);
        dice.mix_in(self.group.as_deref().unwrap_or(&question.model).as_bytes());
        dice.mix_in(question.schema.as_deref().unwrap_or_default().as_bytes());
        question.paths.iter().for_each(|path| dice.mix_in(path.as_bytes()));
        dice.mix_in(&round.to_le_bytes());
        if dice.below(1000) >= u64::from(self.in_thousand) {
            return Fault::Answer;
        }
        let all: u64 = self.mix.iter().map(|one| u64::from(one.weight)).sum();
        let mut left = dice.below(all.max(1));
        let drawn = self.mix.iter().find(|one| {
            let weight = u64::from(one.weight);
            let is_it = left < weight;
            left = left.saturating_sub(weight);
            is_it
        });
        drawn.map_or(Fault::Answer, |one| one.fault.clone())
    }
}

/// A number that is made of everything mixed into it (splitmix64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed);
        dice.roll();
        dice
    }

    /// The length goes in too, so that no two lists of texts read alike.
    fn mix_in(&mut self, bytes: &[u8]) {
        self.0 ^= u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0 = self.roll();
        for byte in bytes {
            self.0 ^= u64::from(*byte);
            self.0 = self.roll();
        }
    }

    fn below(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance(in_thousand: u16) -> Chance {
        let one = |weight, fault| Weighted { weight, fault };
        let mix = vec![one(3, Fault::status(503)), one(1, Fault::NotJson)];
        Chance { seed: 7, in_thousand, mix, ..Chance::default() }
    }

    fn question(model: &str, path: &str) -> Question {
        let (model, schema) = (model.to_owned(), Some("changes".to_owned()));
        Question { model, schema, paths: vec![path.to_owned()] }
    }

    /// The faults of 4,000 questions.
    fn drawn(chance: &Chance, model: &str, call: u64) -> Vec<Fault> {
        (0..4000).map(|n| chance.draw(&question(model, &format!("src/{n}.rs")), call)).collect()
    }

    fn count(faults: &[Fault], fault: &Fault) -> usize {
        faults.iter().filter(|other| *other == fault).count()
    }

    #[test]
    fn faults_come_as_often_as_their_rate_and_weights_say() {
        let faults = drawn(&chance(200), "m", 1);
        let (down, prose) = (count(&faults, &Fault::status(503)), count(&faults, &Fault::NotJson));
        assert!((540..660).contains(&down), "three quarters of 800: {down}");
        assert!((150..250).contains(&prose), "a quarter of 800: {prose}");
        assert!(drawn(&chance(0), "m", 1).iter().all(|fault| *fault == Fault::Answer));
        assert_eq!(count(&drawn(&chance(1000), "m", 1), &Fault::Answer), 0);
    }

    #[test]
    fn the_seed_the_model_the_question_and_the_call_each_change_the_draw() {
        let first = drawn(&chance(500), "m", 1);
        assert_eq!(first, drawn(&chance(500), "m", 1));
        assert_ne!(first, drawn(&Chance { seed: 8, ..chance(500) }, "m", 1));
        assert_ne!(first, drawn(&chance(500), "n", 1));
        assert_ne!(first, drawn(&chance(500), "m", 2));
    }

    #[test]
    fn a_group_draws_alike_and_a_draw_holds_for_its_calls() {
        let grouped = Chance { group: Some("a".to_owned()), lasts: 3, ..chance(500) };
        let first = drawn(&grouped, "m", 1);
        assert_eq!(first, drawn(&grouped, "n", 1));
        assert_eq!(first, drawn(&grouped, "m", 3));
        assert_ne!(first, drawn(&grouped, "m", 4));
    }

    #[test]
    fn a_chance_without_a_mix_does_nothing() {
        let empty = Chance { in_thousand: 1000, ..Chance::default() };
        assert_eq!(empty.draw(&question("m", "a"), 1), Fault::Answer);
    }
}
