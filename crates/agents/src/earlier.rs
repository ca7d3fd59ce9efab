//! What earlier milestones did and left undone, as coder and reviewer read it.
//!
//! A partial milestone is committed without some of its files. Whoever builds on it has to know
//! which, or imports what is not there.

use crate::fit::{Part, Priority};
use crate::legible::legible;

/// The lines as a part of a prompt that is never left out, if there are any.
pub(crate) fn part(earlier: &[String]) -> Option<Part> {
    let text = legible(&earlier.join("\n"));
    let part =
        Part::material("what earlier milestones did", Priority::Near, &text, &[4_000, 1_000]);
    (!earlier.is_empty()).then(|| part.required())
}
