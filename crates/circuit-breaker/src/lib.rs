//! A circuit breaker per key that is right under concurrency and remembers between processes.
//!
//! A dead service is not asked again and again: after enough failures its breaker opens, callers
//! are turned away at once, and from time to time one probe finds out whether it is back.
//! What the breakers learned can be saved and handed to the next process, so an hourly run does
//! not begin by paying for the same outage once more.
//!
//! ```
//! use circuit_breaker::{CircuitBreaker, ManualClock, Settings};
//!
//! let breaker = CircuitBreaker::new(Settings::default(), ManualClock::new());
//! let permit = breaker.try_acquire()?;
//! permit.failure();
//! assert_eq!(breaker.status().to_string(), "MONITORING (1/5)");
//! # Ok::<(), circuit_breaker::Rejected>(())
//! ```
//!
//! What holds in every interleaving of calls:
//!
//! - a result is taken into account only in the state in which its permit was given;
//! - at most one probe decides at a time, and a probe that is dropped or overdue frees its place;
//! - decisions rest on monotonic time alone; wall-clock time stands in snapshots and nowhere else;
//! - no code of a caller runs under a lock of this crate.

mod breaker;
mod call;
mod clock;
mod events;
mod gate;
#[cfg(all(test, loom))]
mod interleavings;
mod jitter;
mod machine;
mod moment;
mod permit;
mod phase;
mod registry;
mod restore;
mod ring;
mod settings;
mod snapshot;
mod status;
mod sync;
#[cfg(feature = "tower")]
pub mod tower;
mod window;

pub use breaker::CircuitBreaker;
pub use call::{CallError, every_error_counts};
pub use clock::{Clock, ManualClock, SystemClock};
pub use events::{Cause, Event};
pub use permit::{OwnedPermit, Permit};
pub use registry::Registry;
pub use settings::{FailureRate, Settings};
pub use snapshot::{RegistrySnapshot, SavedState, Snapshot, Warning};
pub use status::{Outcome, Recorded, Rejected, State, Status};
