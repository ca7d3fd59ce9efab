//! The parts of `belay chaos`: many runs against simulated models that fail by chance, with one
//! protection after the other switched on, and what came out of them with its uncertainty.
//!
//! One demonstration shows that something can happen. How often it does shows only where the same
//! faults meet the same ideas again and again; so everything here hangs on a seed.

pub(crate) mod arm;
pub(crate) mod count;
pub(crate) mod idea;
pub(crate) mod interval;
pub(crate) mod nest;
pub(crate) mod outcome;
pub(crate) mod plot;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod trial;
pub(crate) mod weather;
