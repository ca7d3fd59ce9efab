//! The three roles through real chains, against simulated models and against none.

#![expect(clippy::unwrap_used, reason = "what the tests share stands outside of test functions")]

mod coder;
mod fences;
mod planner;
mod renames;
mod reviewer;
mod scene;
mod works;
