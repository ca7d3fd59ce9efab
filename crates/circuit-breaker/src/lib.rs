//! A circuit breaker per key that is right under concurrency and remembers between processes.
//!
//! A dead service is not asked again and again: after enough failures its breaker opens, callers
//! are turned away at once, and from time to time one probe finds out whether it is back.
//! What the breakers learned can be saved and handed to the next process, so an hourly run does
//! not begin by paying for the same outage once more.
//!
//! No dependency, no runtime, no unsafe code. With the feature `serde` a snapshot can be written and
//! read, with `tower` there is a layer for services of HTTP.
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
//! # The rules, and what each prevents
//!
//! **A cancelled call blocks the breaker for ever.** Whoever counts a probe in and waits for its
//! result never hears of one whose future was dropped. So leave to call is a value, the [`Permit`]:
//! dropping it frees its place and decides nothing, and a probe that is neither answered nor
//! dropped loses its place at `probe_deadline`.
//!
//! ```
//! # use circuit_breaker::{CircuitBreaker, ManualClock, Settings};
//! # use std::time::Duration;
//! # let clock = ManualClock::new();
//! # let breaker = CircuitBreaker::new(Settings::default(), clock.clone());
//! breaker.trip_for(Duration::from_secs(10));
//! clock.advance(Duration::from_secs(10));
//! let probe = breaker.try_acquire()?;
//! assert!(breaker.try_acquire().is_err(), "one probe at a time");
//! drop(probe);
//! assert!(breaker.try_acquire().is_ok());
//! # Ok::<(), circuit_breaker::Rejected>(())
//! ```
//!
//! **All who wait become probes at once** and fell the service that has just come back. While
//! half-open, `probes` permits are out at a time (1), and everyone else is turned away.
//!
//! **A result comes late and decides what it never saw.** A call of before the outage fails after
//! the recovery and opens the breaker again, or succeeds while a probe is under way and closes it.
//! Every change of state makes the permits given before it stale: they change nothing, and
//! [`Recorded::Stale`] says so.
//!
//! ```
//! # use circuit_breaker::{CircuitBreaker, ManualClock, Recorded, Settings};
//! # let breaker = CircuitBreaker::new(Settings::default(), ManualClock::new());
//! let early = breaker.try_acquire()?;
//! breaker.reset();
//! assert_eq!(early.failure(), Recorded::Stale);
//! assert_eq!(breaker.status().to_string(), "CLOSED");
//! # Ok::<(), circuit_breaker::Rejected>(())
//! ```
//!
//! **A caller's own mistake is held against the service**, or closes the breaker as it was no
//! failure. There are three outcomes: success, failure, and [`Outcome::Ignored`].
//!
//! **Success is booked at the first byte, and the stream dies later.** An [`OwnedPermit`] wanders
//! with the answer and is reported when the answer has ended. The layer for tower does so.
//!
//! **Counters that are reset at fixed times forget at their boundary.** The window slides: each of
//! the last failures has its stamp, and leaves at its own time.
//!
//! **Slow failures never fill a window.** Time-outs of minutes, or one call an hour, are five in a
//! row and never five in five minutes; so `consecutive_failures` opens it however far apart they
//! are. And a busy service has five failures in five minutes when it is well: [`FailureRate`] looks
//! at the share of the last calls.
//!
//! **All processes probe in step**, or a service that recovers for a moment is asked at full rate
//! every minute. Each opening is shortened by up to a fifth at random; each reopening doubles the
//! time, up to `max_reset_timeout`; and each `decay_interval` of health takes one doubling back.
//!
//! **The clock is set, and the breaker stays open for an hour or a year.** Decisions rest on
//! monotonic time with arithmetic that saturates. Wall time stands in snapshots alone, and is
//! clamped when it is read: an opening is never longer than what was decided for it.
//!
//! **A new process closes everyone's breaker**, as it knows nothing of the outage. A [`Snapshot`]
//! carries it over, half-open comes back as open with its probe due, and rubbish as closed with a
//! [`Warning`]. Of two processes that share a place to keep it, [`Snapshot::merge`] lets the one
//! win that saw more, and open over closed.
//!
//! **A listener that is called under the lock waits for itself.** Events are queued in order and
//! drained by who wants to know: [`Registry::drain_events`]. No code of a caller runs under a lock
//! of this crate, but for the comparisons of a registry's keys.
//!
//! **A map of breakers by host or tenant grows for ever.** A [`Registry`] has room for so many, and
//! drops those that are closed with nothing counted.
//!
//! # What it costs
//!
//! A closed breaker is passed with one load, a success is one addition, and an open one rejects
//! after one load and one reading of the clock. Failures and changes of state take a lock. The
//! figures, those of other crates beside them, are in `docs/benchmarks-breaker.md` of the
//! repository.

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
