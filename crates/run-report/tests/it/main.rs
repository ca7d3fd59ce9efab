//! The page as a reader of its text sees it: what is on it, what is not, and that what others wrote
//! stays text.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests end at the first surprise")]

mod hostile;
mod shown;
mod story;
