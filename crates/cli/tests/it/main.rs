//! The `belay` binary from outside: real processes, real git, and simulated
//! models over real HTTP.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests start the binary and git, read their own environment, and end at the first surprise"
)]

mod action;
mod adverse;
mod bad_input;
mod between;
mod by_closing;
mod by_hand;
mod chaos;
mod checks;
mod config_shown;
mod demo;
mod dice;
mod doctor;
mod drill;
mod endings;
mod errors;
mod fakes;
mod faults;
mod github;
mod harness;
mod help;
#[cfg(target_os = "linux")]
mod hostile;
mod hours;
mod ideas;
mod injection;
mod issue_ideas;
mod jobs;
#[cfg(target_os = "linux")]
mod kill;
mod large;
mod markdown;
mod mending;
mod metrics;
mod mirrored;
mod named;
mod outputs;
mod pages;
mod people;
mod probes;
mod programs;
mod projects;
mod pulls;
mod pushes;
mod questions;
mod real;
mod recovery;
mod report;
mod sharing;
mod silent_remote;
mod sparing;
mod spoiled;
mod status;
mod terminal;
mod updates;
mod upkeep;
mod verify;
