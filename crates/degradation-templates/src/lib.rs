//! What is said when no model answers: plan, review, manual task and issue texts as replaceable templates.
