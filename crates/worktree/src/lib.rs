//! The repository being worked on: linked worktree, path guard, all-or-nothing edits, commits, the project's own commands.
