//! Planner, coder and reviewer: their words, schemas, prompts, chosen context and parsing.
