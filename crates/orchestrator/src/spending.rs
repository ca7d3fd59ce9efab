//! What all runs of a repository spend in a day, as a value that they share.
//!
//! The models' crate says what should stand there. A process that writes at the same moment makes
//! this one read again, so nothing is lost and nothing is counted twice.

use checkpoint_store::{Error as StoreError, ValueStore};
use model_providers::{Providers, Spending};

/// Where it stands among the shared values.
pub const KEY: &str = "spending";

/// Attempts at writing against other processes that write too.
const TRIES: usize = 8;

/// Adds what this process spent since it last did, and learns what the others spent.
///
/// # Errors
/// [`StoreError`] if the value cannot be read or written; then this process goes by what it knows.
pub async fn share(values: &dyn ValueStore, providers: &Providers) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let found = values.get(KEY).await?;
        let revision = found.as_ref().map(|found| found.revision);
        // A damaged value is no reason to stop spending for ever: the day begins anew.
        let stored: Option<Spending> =
            found.and_then(|found| serde_json::from_value(found.value).ok());
        let unsaved = providers.spending(stored.as_ref());
        if !unsaved.adds_something() {
            providers.spending_kept(&unsaved);
            return Ok(());
        }
        let value = serde_json::to_value(unsaved.value).unwrap_or_default();
        match values.compare_and_swap(KEY, revision, value).await {
            Ok(_) => {
                providers.spending_kept(&unsaved);
                return Ok(());
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}
