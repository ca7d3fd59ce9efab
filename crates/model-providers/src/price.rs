//! What a call costs: what is known of it before, and what is told of it after.
//!
//! A missing price and a cost of zero look alike in a number; here they are different values.

use crate::{Facts, Tokens};

/// An answer is taken for this long before it is there, unless the model allows less.
const USUAL_OUTPUT: u64 = 4_096;

/// US dollars for a million tokens, where known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    pub(crate) input: Option<f64>,
    pub(crate) output: Option<f64>,
    /// The model itself says afterwards what a call cost.
    pub(crate) is_told: bool,
}

impl Price {
    pub(crate) fn of(facts: &Facts) -> Self {
        Self {
            input: facts.usd_per_million_input,
            output: facts.usd_per_million_output,
            is_told: false,
        }
    }

    /// Whether a limit in dollars can be kept with it.
    pub(crate) fn is_known(self) -> bool {
        self.is_told || (self.input.is_some() && self.output.is_some())
    }

    pub(crate) fn usd(self, tokens: Tokens) -> Option<f64> {
        let (input, output) = (self.input?, self.output?);
        Some((as_float(tokens.input) * input + as_float(tokens.output) * output) / 1_000_000.0)
    }
}

/// Exact up to 2^53 tokens, which nobody can pay.
#[expect(clippy::cast_precision_loss, reason = "a count of tokens beyond 2^53 is not reached")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// What a call is expected to use, before it is made.
pub(crate) fn expected(input: u64, facts: &Facts) -> Tokens {
    let output = facts.max_output_tokens.unwrap_or(USUAL_OUTPUT);
    Tokens { input, output: output.min(USUAL_OUTPUT) }
}

/// What a call used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Usage {
    /// The provider said it, or it was turned away.
    Known(Tokens),
    /// The provider said what it cost, which counts whatever its price is said to be.
    Billed {
        /// If it said them too.
        tokens: Option<Tokens>,
        /// US dollars.
        usd: f64,
    },
    /// The provider did not say; the prompt was taken in and this many tokens came back.
    Estimated {
        /// Of the answer so far.
        output: u64,
    },
}

impl Usage {
    /// The tokens that the provider told of.
    pub(crate) fn told(self) -> Option<Tokens> {
        match self {
            Self::Known(tokens) => Some(tokens),
            Self::Billed { tokens, .. } => tokens,
            Self::Estimated { .. } => None,
        }
    }

    /// The tokens, with what the prompt was expected to take where nothing was told.
    pub(crate) fn tokens(self, input: u64) -> Tokens {
        let output = match self {
            Self::Estimated { output } => output,
            _ => 0,
        };
        self.told().unwrap_or(Tokens { input, output })
    }
}
