//! The parts of `belay demo`: a project, models that fail on order, a kill, and
//! a look at what came out.
//!
//! Nothing here works on a run: that is the code of `belay run`, or the demo
//! would show something that nobody uses.

pub(crate) mod closing;
pub(crate) mod evidence;
pub(crate) mod folder;
pub(crate) mod kill;
pub(crate) mod record;
pub(crate) mod script;
