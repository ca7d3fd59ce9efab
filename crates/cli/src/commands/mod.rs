//! One command, one file.

pub(crate) mod breaker;
pub(crate) mod chaos;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod idea;
pub(crate) mod init;
pub(crate) mod metrics;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod status;
pub(crate) mod verify;
