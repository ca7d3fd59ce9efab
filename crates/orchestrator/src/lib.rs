//! The steps of a run, their order, partial success, retries, deadlines and resume.
