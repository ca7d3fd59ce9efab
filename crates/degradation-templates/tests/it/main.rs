//! Every template's output, with ordinary and with hostile facts, and what a
//! user's own templates may and may not do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod replaced;
mod sample;
mod shown;
