//! Real sockets: every fault of the simulated models, and what only HTTP can show.

#![expect(clippy::unwrap_used, reason = "a failed unwrap in the shared bench is a failed test")]

mod bench;
mod faults;
mod http;
