//! Which model does what, and when: the whole behaviour of a server as one value that a test
//! builds in a line and a file can hold, so that a failing case can be handed on and replayed.
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::{Answers, Chance, Fault};

/// The behaviour of every model of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// By model name as it stands in the request; `*` is for the models not named. A model
    /// without any entry answers well.
    pub models: BTreeMap<String, ModelScript>,
    /// What a good answer says.
    pub answers: Answers,
    /// Makes the ids of answers: the same seed and order of requests give the same ids.
    pub seed: u64,
}

impl Script {
    /// A script with one entry; all other models answer well.
    pub fn with_model(name: impl Into<String>, model: ModelScript) -> Self {
        Self::default().and_model(name, model)
    }

    /// Every model does `fault`, always. With [`Fault::RefuseConnection`] each connection is
    /// reset on accept.
    pub fn all_failing(fault: Fault) -> Self {
        Self::with_model("*", ModelScript::failing(fault))
    }

    /// Adds or replaces an entry.
    #[must_use]
    pub fn and_model(mut self, name: impl Into<String>, model: ModelScript) -> Self {
        self.models.insert(name.into(), model);
        self
    }

    /// Replaces the answers.
    #[must_use]
    pub fn with_answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// The entry for this model, if any.
    pub(crate) fn model(&self, name: &str) -> Option<&ModelScript> {
        self.models.get(name).or_else(|| self.models.get("*"))
    }

    /// Whether no request of any kind could be served, so that none needs to be read.
    pub(crate) fn refuses_everyone(&self) -> bool {
        let [(name, model)] = self.models.iter().collect::<Vec<_>>()[..] else {
            return false;
        };
        let always = Step::always(Fault::RefuseConnection);
        name == "*" && model.steps.first() == Some(&always)
    }
}

/// The behaviour of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelScript {
    /// The first whose condition holds is taken; if none holds, `chance` decides.
    pub steps: Vec<Step>,
    /// What happens where no step holds; without it the model answers well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<Chance>,
    /// Input tokens, estimated as a quarter of the bytes of all message contents. A larger
    /// request is answered with 400 `context_length_exceeded` before any step is looked at;
    /// it still counts as a call.
    pub context_window: Option<u64>,
}

impl ModelScript {
    /// Answers well.
    pub fn good() -> Self {
        Self::default()
    }

    /// Does `fault` at every call.
    pub fn failing(fault: Fault) -> Self {
        Self::steps([Step::always(fault)])
    }

    /// Takes the first of these whose condition holds.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }

    /// Fails by chance where no step holds.
    #[must_use]
    pub fn with_chance(mut self, chance: Chance) -> Self {
        self.chance = Some(chance);
        self
    }

    /// Limits the input, in tokens.
    #[must_use]
    pub fn with_context_window(mut self, tokens: u64) -> Self {
        self.context_window = Some(tokens);
        self
    }
}

/// A condition and what happens where it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The condition; absent in JSON means always.
    #[serde(default)]
    pub when: When,
    /// What happens.
    pub then: Fault,
}

impl Step {
    /// At every call.
    pub fn always(then: Fault) -> Self {
        Self { when: When::default(), then }
    }

    /// At the calls in this range, counted from 1: `1..=3`, `..=2`, `4..`, `5..=5`.
    pub fn calls(range: impl RangeBounds<u64>, then: Fault) -> Self {
        Self::always(then).in_calls(range)
    }

    /// At requests for the schema of this name.
    pub fn schema(name: impl Into<String>, then: Fault) -> Self {
        let mut step = Self::always(then);
        step.when.schema = Some(name.into());
        step
    }

    /// At `changes` requests that may write this path.
    pub fn path(path: impl Into<String>, then: Fault) -> Self {
        let mut step = Self::always(then);
        step.when.path = Some(path.into());
        step
    }

    /// At requests that carry this many results of tools: with one or more, in the middle of a
    /// program's work.
    pub fn results(results: u64, then: Fault) -> Self {
        let mut step = Self::always(then);
        step.when.results = Some(results);
        step
    }

    /// Also restricts the step to the calls in this range, counted among the model's
    /// requests that match the step's schema and path.
    #[must_use]
    pub fn in_calls(mut self, range: impl RangeBounds<u64>) -> Self {
        self.when.from_call = match range.start_bound() {
            Bound::Included(first) => Some(*first),
            Bound::Excluded(before) => Some(before.saturating_add(1)),
            Bound::Unbounded => None,
        };
        self.when.to_call = match range.end_bound() {
            Bound::Included(last) => Some(*last),
            Bound::Excluded(after) => Some(after.saturating_sub(1)),
            Bound::Unbounded => None,
        };
        self
    }
}

/// The part of a condition that says which requests are counted.
pub(crate) type Matching = (Option<String>, Option<String>, Option<u64>);

/// When a step applies. The default is always; several fields must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// The request's schema name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// A path in the `changes` schema's enum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many results of tools the request carries: 0 before a program's first call of one,
    /// 1 in the middle of its work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<u64>,
    /// The first call, counted from 1 for each model and among its requests that match
    /// `schema`, `path` and `results`. A new script counts anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_call: Option<u64>,
    /// The last call, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_call: Option<u64>,
}

impl When {
    /// Whether the request is one that this condition counts.
    pub(crate) fn matches(&self, asked: &Asked) -> bool {
        let schema = asked.schema.as_ref();
        let schema_fits = self.schema.as_ref().is_none_or(|name| schema == Some(name));
        let path_fits = self.path.as_ref().is_none_or(|path| asked.paths.contains(path));
        let results_fit = self.results.is_none_or(|results| asked.results == results);
        schema_fits && path_fits && results_fit
    }

    /// The part by which requests are counted.
    pub(crate) fn matching(&self) -> Matching {
        (self.schema.clone(), self.path.clone(), self.results)
    }

    /// Whether the `call`-th matching request is meant.
    pub(crate) fn holds_at(&self, call: u64) -> bool {
        self.from_call.is_none_or(|first| call >= first)
            && self.to_call.is_none_or(|last| call <= last)
    }
}
