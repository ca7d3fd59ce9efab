//! The store from outside: one suite of promises run on every store, and what
//! only real files and real processes can show.

#![cfg(feature = "sqlite")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests of locks start real processes and tell them by the environment what to do"
)]

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod files;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod full;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod mended;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod torn;
#[cfg(test)]
mod transfer;
