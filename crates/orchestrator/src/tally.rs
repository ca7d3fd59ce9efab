//! What a run used: tries, models, tokens and money, over all its processes.

use model_providers::{ModelId, Tokens};

use crate::event::Event;

/// What was used, over every process of the run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Tries that ended.
    pub attempts: usize,
    /// Those on a model that is not first of its chain.
    pub fallback_attempts: usize,
    /// Models that gave an answer, in order of first use.
    pub models: Vec<ModelId>,
    /// Tokens booked.
    pub tokens: Tokens,
    /// Money booked where the price is known.
    pub usd: f64,
    /// Some tokens have no known price.
    pub usd_unknown: bool,
}

impl Tally {
    pub(crate) fn count(&mut self, event: &Event) {
        let (position, tokens, usd) = match event {
            Event::AttemptFailed { position, tokens, usd, .. }
            | Event::AttemptSucceeded { position, tokens, usd, .. } => (*position, *tokens, *usd),
            _ => return,
        };
        self.attempts += 1;
        self.fallback_attempts += usize::from(position > 0);
        if let Some(tokens) = tokens {
            self.tokens.input = self.tokens.input.saturating_add(tokens.input);
            self.tokens.output = self.tokens.output.saturating_add(tokens.output);
            match usd {
                Some(usd) => self.usd += usd,
                None => self.usd_unknown = true,
            }
        }
        if let Event::AttemptSucceeded { model, .. } = event {
            // It answered, and did not say what that took.
            self.usd_unknown |= tokens.is_none();
            if !self.models.contains(model) {
                self.models.push(model.clone());
            }
        }
    }
}
