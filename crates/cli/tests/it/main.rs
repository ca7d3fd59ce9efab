//! The `belay` binary from outside: real processes, real git, and simulated
//! models over real HTTP.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start the binary and git, and read their own environment"
)]

mod bad_input;
mod faults;
mod harness;
mod large;
mod people;
mod projects;
mod recovery;
