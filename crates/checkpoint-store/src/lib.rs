//! Runs, leases, an append-only journal and small shared values behind traits, with an embedded SQLite store.
