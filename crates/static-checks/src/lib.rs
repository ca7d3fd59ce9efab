//! Findings about changed files, without a model: markers, placeholders, syntax, secrets, size.
