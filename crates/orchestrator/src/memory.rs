//! What models taught this process, kept for the next one.
//!
//! Breakers, rests and learned latencies belong to the repository, not to a
//! run: a model that was down for the last run is not asked first by the next.

use std::collections::BTreeSet;

use checkpoint_store::{Error as StoreError, ValueStore};
use model_providers::{Memory, Providers, Spent};

use crate::driver::{Chains, Parts};
use crate::spending;
use crate::state::State;

/// Where the memory stands among the shared values.
pub const KEY: &str = "models";

/// Attempts at writing against other processes that write too.
const TRIES: usize = 3;

/// Loads what earlier processes learned; a damaged value counts as nothing learned.
pub async fn load(values: &dyn ValueStore) -> Result<Memory, StoreError> {
    let found = values.get(KEY).await?;
    Ok(found
        .map(|found| serde_json::from_value(found.value).unwrap_or_default())
        .unwrap_or_default())
}

/// Saves what is known now. A failure costs the next process a few slow
/// attempts and nothing else, so it is reported and not raised.
pub(crate) async fn save(parts: &Parts) {
    keep(&*parts.values, parts.chains.planner.providers()).await;
}

/// As a run does it, for questions that are asked outside of one.
pub async fn keep(values: &dyn ValueStore, providers: &Providers) {
    if let Err(error) = spending::share(values, providers).await {
        tracing::warn!(%error, "what was spent today could not be shared with other runs");
    }
    let memory = match serde_json::to_value(providers.memory()) {
        Ok(memory) => memory,
        Err(error) => return tracing::warn!(%error, "what the models showed cannot be written"),
    };
    for _ in 0..TRIES {
        let found = match values.get(KEY).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "what the models showed cannot be read"),
        };
        if found.as_ref().is_some_and(|found| found.value == memory) {
            return;
        }
        let expected = found.map(|found| found.revision);
        match values.compare_and_swap(KEY, expected, memory.clone()).await {
            Ok(_) => return,
            Err(StoreError::Conflict) => {}
            Err(error) => return tracing::warn!(%error, "what the models showed cannot be kept"),
        }
    }
    tracing::warn!("what the models showed was not kept: other processes write at the same time");
}

/// Counts what earlier processes of the run spent against its budget.
pub(crate) fn book(state: &State, chains: &Chains) {
    let tally = &state.tally;
    let spent = Spent { tokens: tally.tokens, usd: (!tally.usd_unknown).then_some(tally.usd) };
    let mut booked = BTreeSet::new();
    for chain in [&chains.planner, &chains.coder, &chains.reviewer] {
        if booked.insert(std::sync::Arc::as_ptr(chain.providers()) as usize) {
            chain.providers().book(&spent);
        }
    }
}
