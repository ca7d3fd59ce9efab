//! Real sockets: every fault of the simulated models, and what only HTTP can show.

#![expect(clippy::unwrap_used, reason = "a failed unwrap in the shared bench is a failed test")]

mod bad_input;
mod bench;
mod faults;
mod http;
mod listed;
mod llama;
mod many;
mod program_starts;
mod program_steps;
mod programs;
mod states;
mod watched;
mod works;
